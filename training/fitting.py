"""Fit one network with Lightning: seeded, stopped early, its best epoch kept, gone on with after an interruption."""

import copy
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy

from edge_runtime.graph import Int64Array
from gnn.model import ModelConfig, UniversalTemporalGNN
from training.best_epoch import BestEpoch, StopEarly
from training.checkpoint import FINISHED, LATEST, DurableCheckpoints, checkpoint_of, fit_key, save_network
from training.config import FitSettings
from training.datamodule import WindowsDataModule
from training.dataset import Example
from training.float8 import check_float8, use_float8
from training.module import DiagnosisModule
from training.quiet import Quiet, quietly


@dataclass(frozen=True, slots=True)
class Device:
    """Where and how loudly a network is fitted.

    Attributes:
        accelerator: Lightning's name for it.
        threads: of the CPU. Sums come out differently in the last digits with another number, so it is fixed and not
            as many as there are cores.
        progress: show a progress bar.
        devices: GPUs, or processes on the CPU, that share the windows of a step; each takes a `batch_size` of them.
    """

    accelerator: str = "cpu"
    threads: int = 1
    progress: bool = False
    devices: int = 1


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
    keep: Path | None = None,
) -> FittedNetwork:
    """Train a new network, or go on with one.

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
        keep: folder for the latest checkpoint, the finished network and TensorBoard's log. What the same fit left there
            is gone on with, to the same network as without the interruption; what another one left is replaced.

    Raises:
        ConfigurationError: the precision can't be had here.
        TrainingError: a checkpoint in `keep` can't be read.
    """
    if settings.precision == "float8":
        check_float8(device.accelerator)
    torch.set_num_threads(device.threads)
    lightning.seed_everything(seed, verbose=False)
    model = UniversalTemporalGNN(config)
    model.fit_normalisation([example.sample for example in training])
    fit_discriminant(model, training)
    key = fit_key(config, settings, training, validation, levels, seed, epochs, device.devices) if keep else ""
    finished = checkpoint_of(keep / FINISHED, key) if keep else None
    if finished is None:
        module = DiagnosisModule(model, settings, seed=seed, key=key)
        data = WindowsDataModule(training, validation, levels, settings, seed=seed)
        with nullcontext(keep) if keep else tempfile.TemporaryDirectory(prefix="hydrosight-fit-") as folder:
            _optimise(module, data, epochs or settings.epochs, device, Path(folder), kept=keep is not None)
        network = FittedNetwork(module.model.cpu().eval(), int(module.epochs))
        if keep:
            save_network(network.model, network.epochs, keep / FINISHED, key)
        return network
    model.load_state_dict(finished["state_dict"])
    return FittedNetwork(model.eval(), finished["epoch"])


def _optimise(
    module: DiagnosisModule, data: WindowsDataModule, epochs: int, device: Device, folder: Path, *, kept: bool
) -> None:
    """Train `module` in place; `kept` says whether `folder` outlives the fit."""
    settings, network = module.settings, module.model
    if settings.precision == "float8":
        module.model = copy.deepcopy(network)
        use_float8(module.model)
    callbacks: list[Callback] = [Quiet()]
    if data.validates:
        callbacks += [BestEpoch(), StopEarly(settings.patience)]
    if kept:
        latest_epoch = ModelCheckpoint(folder, LATEST, save_on_train_epoch_end=True, enable_version_counter=False)
        callbacks += [latest_epoch, LearningRateMonitor("epoch")]
    if device.progress:
        callbacks.append(RichProgressBar(leave=False))
    latest = folder / f"{LATEST}.ckpt"
    with quietly():
        trainer = lightning.Trainer(
            accelerator=device.accelerator,
            devices=device.devices,
            strategy=DDPStrategy(start_method="spawn") if device.devices > 1 else "auto",
            use_distributed_sampler=False,
            precision="bf16-mixed" if settings.precision == "float8" else settings.precision,
            accumulate_grad_batches=settings.accumulate,
            max_epochs=epochs,
            gradient_clip_val=1.0,
            deterministic=True if device.accelerator == "cpu" else "warn",
            callbacks=callbacks,
            plugins=[DurableCheckpoints()],
            default_root_dir=folder,
            logger=TensorBoardLogger(folder, name="", version="", default_hp_metric=False) if kept else False,
            enable_checkpointing=kept,
            enable_model_summary=False,
            enable_progress_bar=device.progress,
            num_sanity_val_steps=0,
            limit_val_batches=None if data.validates else 0,
        )
        go_on = kept and checkpoint_of(latest, module.key) is not None
        if trainer.logger:
            trainer.logger.log_hyperparams(network.config.model_dump() | settings.model_dump())
        trainer.fit(module, datamodule=data, ckpt_path=latest if go_on else None)
    network.load_state_dict(module.model.state_dict())
    module.model = network


def fit_discriminant(model: UniversalTemporalGNN, training: Sequence[Example]) -> None:
    """Find the discriminants of a fitted network anew, from these windows."""
    model.fit_discriminant(
        [example.sample for example in training],
        [example.targets.level for example in training],
        [example.targets.fault for example in training],
    )
