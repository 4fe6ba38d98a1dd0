"""What an epoch of training takes on one core, beside how it was done before: same network, same windows, same run.

The former way convolved states in one dimension, drew dropout for each token, and ran the discriminant, which doesn't
learn, in every step. Times are of the CPU, so that other work on the machine counts little.

    python benchmarks/bench_training.py [--windows 128] [--rounds 5]
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F  # noqa: N812
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from edge_runtime.machine_file import load_machine
from edge_runtime.recording import read_recording
from edge_runtime.yaml_file import load_yaml
from gnn.encoder import CausalConvolution
from gnn.model import GraphTensors, NetworkOutputs, UniversalTemporalGNN
from training.config import TrainingConfig
from training.datamodule import Batch, WindowsDataModule
from training.dataset import Example, build_examples, labelled_windows, level_counts
from training.fitting import fit_discriminant
from training.module import DiagnosisModule

CONFIGS = Path(__file__).parents[1] / "configs"


class FormerConvolution(CausalConvolution):
    """A block that turns states round for a convolution in one dimension, and draws dropout token by token."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, T, H] → [N, T, H]."""
        convolved = self.convolve(F.pad(self.norm(x).transpose(1, 2), (self.past, 0)))
        return x + F.dropout(F.gelu(convolved).transpose(1, 2), self.drop.p, self.training)


class FormerModel(UniversalTemporalGNN):
    """A model that says all it has to say in every step."""

    def network(self, graph: GraphTensors) -> NetworkOutputs:
        """What the network says, after all the rest."""
        outputs = self.run(graph)
        return NetworkOutputs(*outputs.network, None, None)


def network(config: TrainingConfig, examples: list[Example], kind: type[UniversalTemporalGNN]) -> UniversalTemporalGNN:
    """A model ready to be trained."""
    torch.manual_seed(0)
    model = kind(config.model)
    model.fit_normalisation([example.sample for example in examples])
    fit_discriminant(model, examples)
    if kind is FormerModel:
        for block in model.encoder.modules():
            if isinstance(block, CausalConvolution):
                block.__class__ = FormerConvolution
    return model.train()


def epoch(model: nn.Module, module: DiagnosisModule, batches: list[Batch]) -> Callable[[], None]:
    """What trains a model on all the batches once."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def once() -> None:
        for batch in batches:
            optimizer.zero_grad()
            module.loss(batch).backward()
            optimizer.step()

    return once


def main() -> None:
    """Measure both ways in turn and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--windows", type=int, default=128)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    config = load_yaml(CONFIGS / "training" / "zema.yaml", TrainingConfig)
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    windows = labelled_windows(machine, read_recording(CONFIGS / "recordings" / "zema-sample"))
    few = build_examples(windows, sensor_drop=config.fit.sensor_drop, seed=0)
    examples = [few[number % len(few)] for number in range(given.windows)]
    data = WindowsDataModule(examples, (), level_counts(machine), config.fit)
    batches = list(data.train_dataloader())

    ways = {"Hydrosight": UniversalTemporalGNN, "the former way": FormerModel}
    epochs = {}
    for name, kind in ways.items():
        model = network(config, examples, kind)
        epochs[name] = epoch(model, DiagnosisModule(model, config.fit), batches)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.rounds + 1):
        for name, once in epochs.items():
            start = time.process_time()
            once()
            times[name].append(time.process_time() - start)

    table = Table(title=f"An epoch of {given.windows} windows of the rig, batches of {config.fit.batch_size}, one core")
    for column in ("way", "CPU s an epoch", "CPU ms a window", "times as long"):
        table.add_column(column, justify="left" if column == "way" else "right")
    own = median(times["Hydrosight"][1:])
    for name, taken in times.items():
        typical = median(taken[1:])
        table.add_row(name, f"{typical:.2f}", f"{1e3 * typical / given.windows:.1f}", f"{typical / own:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
