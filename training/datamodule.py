"""Batches of disjoint graphs for Lightning."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self, TypeVar

import numpy as np
import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from edge_runtime.graph import Float32Array, GraphSample, Int64Array
from edge_runtime.graph_builder import join_graphs
from gnn.model import GraphTensors
from training.config import FitSettings
from training.dataset import Example, Targets

Item = TypeVar("Item")


class Seen(NamedTuple):
    """A window as a network sees it, and what it should say of it.

    Attributes:
        sample: the graph of one of its copies.
        targets: the same for all copies.
        faulty: float32 [N, 13], 1 where a channel of this copy is read by a faulty sensor.
    """

    sample: GraphSample
    targets: Targets
    faulty: Float32Array


class Batch(NamedTuple):
    """Several windows as one graph, with the targets of all their nodes.

    Attributes:
        graph: the joined sample.
        level: int64 [N], −1 where unlabelled.
        levels: int64 [N], number of levels of the node's condition, 0 without one.
        fault: float32 [N, 9], NaN where unlabelled.
        faulty: float32 [N, 13], 1 where a channel is read by a faulty sensor.
    """

    graph: GraphTensors
    level: Tensor
    levels: Tensor
    fault: Tensor
    faulty: Tensor

    @classmethod
    def join(cls, items: Sequence[Seen], levels: Int64Array) -> Self:
        """Join windows of one machine, whose nodes' conditions have `levels` levels."""
        samples, targets, faulty = zip(*items, strict=True)
        return cls(
            GraphTensors.of(join_graphs(samples)),
            torch.from_numpy(np.concatenate([target.level for target in targets])),
            torch.from_numpy(np.tile(levels, len(targets))),
            torch.from_numpy(np.concatenate([target.fault for target in targets])),
            torch.from_numpy(np.concatenate(faulty)),
        )


class GraphDataset(Dataset[Seen]):
    """Windows by number and copy: as they are, or degraded."""

    def __init__(self, copies: Sequence[tuple[Seen, Seen]]) -> None:
        self._copies = copies

    @classmethod
    def to_learn(cls, examples: Sequence[Example]) -> Self:
        """With the copies that training sees."""
        return cls([(_whole(example), Seen(example.learned, example.targets, example.faulty)) for example in examples])

    @classmethod
    def to_validate(cls, examples: Sequence[Example]) -> Self:
        """With copies in which sensors are silent and nothing else is changed."""
        return cls([(_whole(example), _whole(example)._replace(sample=example.degraded)) for example in examples])

    def __len__(self) -> int:
        return len(self._copies)

    def __getitem__(self, choice: tuple[int, bool]) -> Seen:
        index, degraded = choice
        return self._copies[index][degraded]


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
        self._training = GraphDataset.to_learn(training)
        self._validation = GraphDataset.to_validate(validation)
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
            # It draws a number with every epoch but the first after a start: from the dropout's, if it has none itself.
            generator=torch.Generator(),
        )


def _shared_out(order: Sequence[Item], processes: int, process: int) -> Sequence[Item]:
    """Every n-th for one of n processes. The first come twice where it doesn't come out even: none may wait forever."""
    missing = -len(order) % processes
    return [*order, *order[:missing]][process::processes]


def _whole(example: Example) -> Seen:
    return Seen(example.sample, example.targets, np.zeros_like(example.faulty))
