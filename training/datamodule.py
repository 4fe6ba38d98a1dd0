"""Batches of disjoint graphs for Lightning."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from edge_runtime.graph import GraphSample, Int64Array
from edge_runtime.graph_builder import join_graphs
from gnn.model import GraphTensors
from training.config import FitSettings
from training.dataset import Example, Targets


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
    """Examples, now and then in their degraded copy.

    The choice comes from torch's global generator, so that a seeded run repeats it.
    """

    def __init__(self, examples: Sequence[Example], degraded_share: float = 0.0) -> None:
        self._examples = examples
        self._degraded_share = degraded_share

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> tuple[GraphSample, Targets]:
        example = self._examples[index]
        degraded = self._degraded_share > 0 and float(torch.rand(())) < self._degraded_share
        return (example.degraded if degraded else example.sample), example.targets


class WindowsDataModule(LightningDataModule):
    """Training and validation batches. Everything is in memory, so there are no workers.

    Each window validates twice, whole and degraded: a network that is stopped by whole windows alone never learns to do
    without a sensor.
    """

    def __init__(
        self, training: Sequence[Example], validation: Sequence[Example], levels: Int64Array, settings: FitSettings
    ) -> None:
        super().__init__()
        self._training = GraphDataset(training, settings.degraded_share)
        degraded = tuple(replace(example, sample=example.degraded) for example in validation)
        self._validation = GraphDataset((*validation, *degraded))
        self._levels = levels
        self._batch_size = settings.batch_size

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled, anew each epoch."""
        return self._loader(self._training, shuffle=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        """In order; empty without validation windows."""
        return self._loader(self._validation, shuffle=False)

    def _loader(self, dataset: GraphDataset, *, shuffle: bool) -> DataLoader[Batch]:
        return DataLoader(
            dataset,  # type: ignore[arg-type]  # the collation makes batches of pairs
            batch_size=self._batch_size,
            shuffle=shuffle,
            collate_fn=lambda items: Batch.join(items, self._levels),
        )
