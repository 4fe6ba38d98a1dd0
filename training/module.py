"""The optimisation of a `UniversalTemporalGNN` as Lightning wants it."""

import math
from typing import Any

import numpy as np
import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from gnn.arma import innovation_loss
from gnn.heads import fault_loss, level_loss, likeliest_level, sensor_fault_loss
from gnn.model import UniversalTemporalGNN
from training.checkpoint import KEY
from training.config import FitSettings
from training.datamodule import Batch

VALIDATION_ERROR = "validation_error"
"""What early stopping watches: the share of labelled components whose likeliest level the network alone gets wrong.

Not the loss: where one component can't be told on groups not seen, its loss grows from the first epochs while the
others still learn, and calibration mends overconfidence afterwards.
"""


class DiagnosisModule(LightningModule):
    """AdamW on level loss + weighted fault loss + those of the parts that are on; a warm-up epoch, then cosine to zero.

    Attributes:
        epochs: int64, how many the weights have seen; a buffer, so that it comes back from other processes.
    """

    epochs: Tensor

    def __init__(self, model: UniversalTemporalGNN, settings: FitSettings, *, seed: int = 0, key: str = "") -> None:
        super().__init__()
        self.model = model
        self.settings = settings
        self.seed = seed
        self.key = key
        self.register_buffer("epochs", torch.tensor(0))

    def loss(self, batch: Batch) -> Tensor:
        """Scalar loss of the network alone on a batch; unlabelled components count nothing."""
        outputs = self.model.network(batch.graph)
        loss = level_loss(outputs.level_logits, batch.level, batch.levels)
        loss = loss + self.settings.fault_weight * fault_loss(outputs.fault_logits, batch.fault)
        if outputs.sensor_logits is not None:
            sensors = sensor_fault_loss(outputs.sensor_logits, batch.faulty, batch.graph.sequence_mask)
            loss = loss + self.settings.sensor_fault_weight * sensors
        if outputs.innovation is not None:
            loss = loss + self.settings.innovation_weight * innovation_loss(outputs.innovation)
        return loss

    def on_train_epoch_start(self) -> None:
        """Seed the dropout by epoch and process: an epoch comes out the same whether or not a fit was interrupted."""
        seed = np.random.SeedSequence([self.seed, self.current_epoch, self.global_rank]).generate_state(1)[0]
        torch.manual_seed(int(seed))

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Loss of a training batch."""
        loss = self.loss(batch)
        self.log(
            "training_loss",
            loss,
            prog_bar=True,
            on_step=False,
            on_epoch=True,
            batch_size=len(batch.level),
            sync_dist=True,
        )
        return loss

    def validation_step(self, batch: Batch, _index: int) -> None:
        """Log the error of a validation batch."""
        labelled = batch.level >= 0
        level_logits = self.model.network(batch.graph).level_logits
        wrong = likeliest_level(level_logits, batch.levels) != batch.level
        count = int(labelled.sum())
        error = wrong[labelled].sum() / max(1, count)  # a batch in which nothing is labelled has no weight
        self.log(VALIDATION_ERROR, error, prog_bar=True, batch_size=count, sync_dist=True)

    def on_train_epoch_end(self) -> None:
        """Count."""
        self.epochs.fill_(self.current_epoch + 1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Say whose it is."""
        checkpoint[KEY] = self.key

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW; gains, biases and embeddings of one dimension don't decay."""
        decayed = [parameter for parameter in self.parameters() if parameter.dim() > 1]
        free = [parameter for parameter in self.parameters() if parameter.dim() <= 1]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": self.settings.weight_decay}, {"params": free, "weight_decay": 0.0}],
            lr=self.settings.learning_rate,
        )
        epochs = self.trainer.max_epochs or self.settings.epochs
        warm_up = max(1, int(self.trainer.estimated_stepping_batches) // epochs)
        total = warm_up * self.settings.epochs
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, warm_up, total))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _rate(step: int, warm_up: int, total: int) -> float:
    """Share of the peak learning rate at a step: a line up, then half a cosine down."""
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, total - warm_up))))
