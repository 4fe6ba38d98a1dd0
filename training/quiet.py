"""Lightning without its advertisements, and without its advice on data that is larger than this."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

_LOGGER = logging.getLogger("lightning.pytorch")


@contextmanager
def quietly() -> Iterator[None]:
    """Within this, Lightning says only what matters; afterwards everything is as it was."""
    level = _LOGGER.level
    try:
        with warnings.catch_warnings():
            _be_quiet()
            yield
    finally:
        _LOGGER.setLevel(level)


class Quiet(Callback):
    """Takes the quiet along into the processes that Lightning starts; the first of all callbacks."""

    def setup(self, _trainer: Trainer, _pl_module: LightningModule, stage: str) -> None:  # noqa: ARG002
        """In each process."""
        _be_quiet()


def _be_quiet() -> None:
    _LOGGER.setLevel(logging.WARNING)
    # The data is in memory, so worker processes would only copy it, and few batches are all there are.
    warnings.filterwarnings("ignore", r"The '\w+' does not have many workers", UserWarning)
    warnings.filterwarnings("ignore", r"The number of training batches", UserWarning)
    # It is there for the next checkpoint to replace the last.
    warnings.filterwarnings("ignore", r"Checkpoint directory .* exists and is not empty", UserWarning)
    warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
