"""Readings between the sources and the store: held in memory until they are durable, and bounded."""

from collections.abc import Sequence

from edge_runtime.reading import Reading

MAX_HELD = 200_000


class Intake:
    """Collects what the sources deliver. What couldn't be stored is put back and tried again.

    Holds MAX_HELD readings (under five minutes of the rig's 720 a second, about 40 MB); past that the oldest are
    dropped and counted in `dropped`.
    """

    def __init__(self, limit: int = MAX_HELD) -> None:
        self._limit = limit
        self._held: list[Reading] = []
        self.dropped = 0

    def deliver(self, readings: Sequence[Reading]) -> None:
        """Take readings from a source, in its order."""
        self._held.extend(readings)
        self._bound()

    def take(self) -> list[Reading]:
        """Everything held; the intake is then empty."""
        taken, self._held = self._held, []
        return taken

    def put_back(self, readings: list[Reading]) -> None:
        """These couldn't be stored: they stand before whatever has come since."""
        self._held = readings + self._held
        self._bound()

    def _bound(self) -> None:
        excess = len(self._held) - self._limit
        if excess > 0:
            del self._held[:excess]
            self.dropped += excess

    def __len__(self) -> int:
        return len(self._held)
