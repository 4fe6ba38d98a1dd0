from types import SimpleNamespace

import pytest
import torch
from torch import nn

from training.best_epoch import BestEpoch, StopEarly
from training.module import VALIDATION_ERROR


class OneWeight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("epochs", torch.tensor(0))


def after_epochs(errors: list[float], callback: BestEpoch | None = None) -> tuple[OneWeight, BestEpoch]:
    """A module whose weight is the number of the epoch, after epochs with these validation errors."""
    module, callback = OneWeight(), callback or BestEpoch()
    for epoch, error in enumerate(errors):
        with torch.no_grad():
            module.weight.fill_(epoch)
        callback.on_validation_end(
            SimpleNamespace(callback_metrics={VALIDATION_ERROR: torch.tensor(error)}, current_epoch=epoch), module
        )
    return module, callback


@pytest.mark.parametrize(
    ("errors", "best"),
    [([0.5, 0.2, 0.3], 1), ([0.5, 0.2, 0.2], 1), ([0.5, 0.4, 0.1], 2), ([0.1, 0.2, float("nan")], 0)],
)
def test_the_weights_of_the_first_best_epoch_come_back(errors: list[float], best: int):
    module, callback = after_epochs(errors)
    callback.on_train_end(None, module)
    assert (module.weight.item(), int(module.epochs)) == (best, best + 1)


def test_without_any_number_the_last_weights_stay():
    module, callback = after_epochs([float("nan")] * 3)
    callback.on_train_end(None, module)
    assert module.weight.item() == 2


def test_it_goes_on_from_what_a_checkpoint_holds():
    _, before = after_epochs([0.3, 0.1])
    resumed = BestEpoch()
    resumed.load_state_dict(before.state_dict())
    module, _ = after_epochs([0.9], resumed)
    resumed.on_train_end(None, module)
    assert module.weight.item() == 1


@pytest.mark.parametrize(("waited", "stopped"), [(0, False), (2, False), (3, True)])
def test_what_was_to_stop_stays_stopped_after_an_interruption(waited: int, stopped: bool):
    callback = StopEarly(patience=3)
    callback.load_state_dict({"wait_count": waited, "stopped_epoch": 5, "best_score": torch.tensor(0.1), "patience": 3})
    trainer = SimpleNamespace(should_stop=False)
    callback.on_train_start(trainer, None)
    assert trainer.should_stop is stopped
