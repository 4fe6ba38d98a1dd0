"""Fit one network with Lightning: seeded, stopped early, the best epoch kept."""

import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar

from edge_runtime.graph import Int64Array
from gnn.model import ModelConfig, UniversalTemporalGNN
from training.config import FitSettings
from training.datamodule import WindowsDataModule
from training.dataset import Example
from training.module import VALIDATION_ERROR, DiagnosisModule


@dataclass(frozen=True, slots=True)
class Device:
    """Where and how loudly a network is fitted.

    Attributes:
        accelerator: Lightning's name for it.
        threads: of the CPU. Sums come out differently in the last digits with another number, so it is fixed and not
            as many as there are cores.
        progress: show a progress bar.
    """

    accelerator: str = "cpu"
    threads: int = 1
    progress: bool = False


CPU = Device()


@dataclass(frozen=True, slots=True)
class FittedNetwork:
    """A trained network and after how many epochs it was at its best."""

    model: UniversalTemporalGNN
    epochs: int


def fit_network(
    config: ModelConfig,
    settings: FitSettings,
    training: Sequence[Example],
    validation: Sequence[Example],
    levels: Int64Array,
    *,
    seed: int,
    epochs: int | None = None,
    device: Device = CPU,
) -> FittedNetwork:
    """Train a new network.

    Input statistics and discriminants come from the training windows alone. With validation windows it stops early and
    goes back to its best epoch; without, it trains `epochs` of the schedule and keeps the last.

    Args:
        config: shape of the network.
        settings: of the optimisation.
        training: windows to learn from.
        validation: windows of other groups, or none.
        levels: int64 [N], number of levels of each node's condition.
        seed: of weights, order and sensor drops. On one kind of machine and version, one seed gives one network.
        epochs: where to end; the learning rate still falls as for `settings.epochs`.
        device: accelerator, threads and progress bar.
    """
    torch.set_num_threads(device.threads)
    lightning.seed_everything(seed, verbose=False)
    model = UniversalTemporalGNN(config)
    model.fit_normalisation([example.sample for example in training])
    fit_discriminant(model, training)
    module = DiagnosisModule(model, settings)
    data = WindowsDataModule(training, validation, levels, settings)
    with tempfile.TemporaryDirectory(prefix="hydrosight-fit-") as folder:
        best = ModelCheckpoint(folder, "best", monitor=VALIDATION_ERROR, save_weights_only=True)
        stop = EarlyStopping(VALIDATION_ERROR, patience=settings.patience)
        callbacks: list[Callback] = [best, stop] if validation else []
        if device.progress:
            callbacks.append(RichProgressBar(leave=False))
        with _quiet_lightning():
            trainer = lightning.Trainer(
                accelerator=device.accelerator,
                devices=1,
                precision=settings.precision,
                max_epochs=epochs or settings.epochs,
                gradient_clip_val=1.0,
                deterministic=True if device.accelerator == "cpu" else "warn",
                callbacks=callbacks,
                default_root_dir=folder,
                logger=False,
                enable_checkpointing=bool(validation),
                enable_model_summary=False,
                enable_progress_bar=device.progress,
                num_sanity_val_steps=0,
                limit_val_batches=None if validation else 0,
            )
            trainer.fit(module, datamodule=data)
        reached = trainer.current_epoch
        if validation:
            state = load_checkpoint(Path(best.best_model_path))
            module.load_state_dict(state["state_dict"])
            reached = int(state["epoch"]) + 1
    return FittedNetwork(module.model.cpu().eval(), reached)


def fit_discriminant(model: UniversalTemporalGNN, training: Sequence[Example]) -> None:
    """Find the discriminants of a fitted network anew, from these windows."""
    model.fit_discriminant(
        [example.sample for example in training],
        [example.targets.level for example in training],
        [example.targets.fault for example in training],
    )


def save_checkpoint(network: FittedNetwork, path: Path) -> None:
    """Write weights, input statistics and configuration, to go on from; the bundle is what a box gets."""
    torch.save(
        {
            "state_dict": network.model.state_dict(),
            "config": network.model.config.model_dump(),
            "epoch": network.epochs,
        },
        path,
    )


def load_checkpoint(path: Path) -> Mapping[str, Any]:
    """Read a checkpoint as data alone: `weights_only` refuses pickled code."""
    content: Mapping[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Without Lightning's advertisements, and its advice on data that is larger than this."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # The data is in memory, so worker processes would only copy it, and few batches are all there are.
            warnings.filterwarnings("ignore", r"The '\w+' does not have many workers", UserWarning)
            warnings.filterwarnings("ignore", r"The number of training batches", UserWarning)
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
            yield
    finally:
        logger.setLevel(level)
