"""Batches of disjoint graphs for Lightning."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, Self, TypeVar

import numpy as np
import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from edge_runtime.graph import GraphSample, Int64Array
from edge_runtime.graph_builder import join_graphs
from gnn.model import GraphTensors
from training.config import FitSettings
from training.dataset import Example, Targets

Item = TypeVar("Item")


class Batch(NamedTuple):
    """Several windows as one graph, with the targets of all their nodes.

    Attributes:
        graph: the joined sample.
        level: int64 [N], −1 where unlabelled.
        levels: int64 [N], number of levels of the node's condition, 0 without one.
        fault: float32 [N, 9], NaN where unlabelled.
    """

    graph: GraphTensors
    level: Tensor
    levels: Tensor
    fault: Tensor

    @classmethod
    def join(cls, items: Sequence[tuple[GraphSample, Targets]], levels: Int64Array) -> Self:
        """Join windows of one machine, whose nodes' conditions have `levels` levels."""
        samples, targets = zip(*items, strict=True)
        return cls(
            GraphTensors.of(join_graphs(samples)),
            torch.from_numpy(np.concatenate([target.level for target in targets])),
            torch.from_numpy(np.tile(levels, len(targets))),
            torch.from_numpy(np.concatenate([target.fault for target in targets])),
        )


class GraphDataset(Dataset[tuple[GraphSample, Targets]]):
    """Examples by number and copy: as they are, or degraded."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, choice: tuple[int, bool]) -> tuple[GraphSample, Targets]:
        index, degraded = choice
        example = self._examples[index]
        return (example.degraded if degraded else example.sample), example.targets


class EpochOrder(Sampler[tuple[int, bool]]):
    """In which order an epoch sees the windows, and which of them in their degraded copy.

    Both follow from seed and epoch alone: not from what was drawn before, so that a fit can be gone on with, nor from
    the number of processes. Each takes every n-th window, and some windows come twice where n doesn't divide them.
    """

    def __init__(self, windows: int, degraded_share: float, *, seed: int, processes: int = 1, process: int = 0) -> None:
        self._windows = windows
        self._degraded_share = degraded_share
        self._seed = seed
        self._processes, self._process = processes, process
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning says which epoch comes."""
        self._epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self._windows / self._processes)

    def __iter__(self) -> Iterator[tuple[int, bool]]:
        """Window numbers, and whether the degraded copy is meant."""
        random = np.random.default_rng([self._seed, self._epoch])
        order = random.permutation(self._windows)
        degraded = random.random(self._windows) < self._degraded_share
        for index in _shared_out(order.tolist(), self._processes, self._process):
            yield index, bool(degraded[index])


class WindowsDataModule(LightningDataModule):
    """Training and validation batches. Everything is in memory, so there are no workers.

    Each window validates twice, whole and degraded: a network that is stopped by whole windows alone never learns to do
    without a sensor.
    """

    def __init__(
        self,
        training: Sequence[Example],
        validation: Sequence[Example],
        levels: Int64Array,
        settings: FitSettings,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self._training = GraphDataset([replace(example, degraded=example.learned) for example in training])
        self._validation = GraphDataset(validation)
        self._levels = levels
        self._settings = settings
        self._seed = seed

    @property
    def validates(self) -> bool:
        """Whether there are windows to validate on."""
        return len(self._validation) > 0

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled, in each epoch anew."""
        processes, process = self._place()
        share = self._settings.degraded_share
        order = EpochOrder(len(self._training), share, seed=self._seed, processes=processes, process=process)
        return self._loader(self._training, order)

    def val_dataloader(self) -> DataLoader[Batch]:
        """In order, every window and then every degraded copy; empty without validation windows."""
        windows = len(self._validation)
        order = [(index, degraded) for degraded in (False, True) for index in range(windows)]
        return self._loader(self._validation, _shared_out(order, *self._place()))

    def _place(self) -> tuple[int, int]:
        """How many processes train together, and which of them this is."""
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)

    def _loader(self, dataset: GraphDataset, order: Iterable[tuple[int, bool]]) -> DataLoader[Batch]:
        return DataLoader(
            dataset,  # type: ignore[arg-type]  # the collation makes batches of pairs
            batch_size=self._settings.batch_size,
            sampler=order,
            collate_fn=lambda items: Batch.join(items, self._levels),
        )


def _shared_out(order: Sequence[Item], processes: int, process: int) -> Sequence[Item]:
    """Every n-th for one of n processes. The first come twice where it doesn't come out even: none may wait forever."""
    missing = -len(order) % processes
    return [*order, *order[:missing]][process::processes]
