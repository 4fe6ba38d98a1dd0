"""Training in float8: the network's wide linear maps multiply in 8 bits on GPUs that can, through torchao.

P. Micikevicius et al., "FP8 Formats for Deep Learning" (arXiv 2209.05433); torchao scales each tensor by its largest
value. Weights and optimiser stay in float32, so what comes out is a network like any other.
"""

from importlib.util import find_spec

import torch
from torch import nn

from edge_runtime.errors import ConfigurationError

LEAST_CAPABILITY = (8, 9)
"""Ada; Hopper is 9.0. Older GPUs have no float8 tensor cores."""

MULTIPLE = 16
"""The kernels want both sides of a weight to be multiples of this."""


def check_float8(accelerator: str) -> None:
    """Refuse float8 where it can't be had.

    Raises:
        ConfigurationError: the fit doesn't run on a GPU, the GPU is too old, or torchao isn't installed.
    """
    otherwise = "or train with --precision bf16-mixed"
    if accelerator == "cpu" or not torch.cuda.is_available():
        reason = "this fit runs on the CPU" if accelerator == "cpu" else "torch finds no CUDA device here"
        raise ConfigurationError(
            f"precision float8 needs an NVIDIA GPU, and {reason}",
            hint=f"Choose one with --accelerator cuda, {otherwise} (32-true on a CPU).",
        )
    if (capability := torch.cuda.get_device_capability()) < LEAST_CAPABILITY:
        found, least = (".".join(map(str, version)) for version in (capability, LEAST_CAPABILITY))
        raise ConfigurationError(
            f"precision float8 needs a GPU of compute capability {least} or more, and "
            f"{torch.cuda.get_device_name()} has {found}",
            hint=f"Use an Ada, Hopper or Blackwell GPU, {otherwise}.",
        )
    if find_spec("torchao") is None:
        raise ConfigurationError(
            "precision float8 needs torchao, and it isn't installed",
            hint=f"Run: pip install 'hydrosight[float8]', {otherwise}.",
        )


def use_float8(model: nn.Module) -> None:
    """Let `model`'s linear maps whose sides the kernels can take multiply in float8, in place.

    The number of nodes varies from batch to batch, so torchao pads that side.
    """
    from torchao.float8 import Float8LinearConfig, convert_to_float8_training  # noqa: PLC0415 - optional

    convert_to_float8_training(
        model,
        module_filter_fn=lambda module, _name: fits_float8(module),
        config=Float8LinearConfig(pad_inner_dim=True),
    )


def fits_float8(module: nn.Module) -> bool:
    """Whether a module is a linear map whose sides float8 kernels can take."""
    return isinstance(module, nn.Linear) and not module.in_features % MULTIPLE and not module.out_features % MULTIPLE
