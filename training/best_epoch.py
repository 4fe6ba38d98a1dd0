"""Stop when it gets no better, and go back to where it was best; both the same after an interruption."""

from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, EarlyStopping
from torch import Tensor

from training.module import VALIDATION_ERROR


class StopEarly(EarlyStopping):
    """Ends a fit after `patience` epochs without fewer validation errors.

    L. Prechelt, "Early Stopping – But When?" (1998). Lightning's forgets over an interruption that the last epoch was
    to be the last.
    """

    def __init__(self, patience: int) -> None:
        super().__init__(VALIDATION_ERROR, patience=patience)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stay stopped."""
        super().on_train_start(trainer, pl_module)
        trainer.should_stop = self.wait_count >= self.patience


class BestEpoch(Callback):
    """Keeps the weights of the epoch with the fewest validation errors, and gives them back at the end.

    They travel inside the checkpoint of the latest epoch, so that there is one file and nothing to fall apart.
    """

    def __init__(self) -> None:
        self._error = float("inf")
        self._weights: dict[str, Tensor] = {}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the weights if they are the best so far."""
        error = float(trainer.callback_metrics[VALIDATION_ERROR])
        if error < self._error:
            self._error = error
            self._weights = {name: value.detach().cpu().clone() for name, value in pl_module.named_parameters()}
            self._weights["epochs"] = torch.tensor(trainer.current_epoch + 1)

    def on_train_end(self, _trainer: Trainer, pl_module: LightningModule) -> None:
        """Give them back."""
        pl_module.load_state_dict(self._weights, strict=False)

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"error": self._error, "weights": self._weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self._error, self._weights = state_dict["error"], state_dict["weights"]
