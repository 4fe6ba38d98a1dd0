"""Readings between the sources and the store: held in memory until they are durable, and bounded."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from edge_runtime.reading import Reading

MAX_HELD = 200_000


@dataclass(frozen=True, slots=True)
class Taken:
    """What is to be stored together.

    Attributes:
        unsecured: readings that exist nowhere else, in order of arrival.
        secured: deliveries whose sender keeps them until it hears that they are stored, in order of arrival.
    """

    unsecured: list[Reading] = field(default_factory=list)
    secured: list[tuple[Sequence[Reading], Callable[[], None]]] = field(default_factory=list)

    @property
    def readings(self) -> list[Reading]:
        """All of them; those of one source in its order."""
        return self.unsecured + [reading for readings, _ in self.secured for reading in readings]

    def confirm(self) -> None:
        """They are durable: tell the senders, in order of arrival."""
        for _, stored in self.secured:
            stored()


class Intake:
    """Collects what the sources deliver. What couldn't be stored is put back and tried again.

    Holds MAX_HELD readings (under five minutes of the rig's 720 a second, about 40 MB); past that the oldest are
    dropped and counted in `dropped`. Readings that were delivered with `stored` are never dropped, and not counted:
    their source bounds them, by how much it takes before it has heard that the first is stored.
    """

    def __init__(self, limit: int = MAX_HELD) -> None:
        self._limit = limit
        self._held = Taken()
        self._hurry = asyncio.Event()
        self.dropped = 0

    def deliver(self, readings: Sequence[Reading], stored: Callable[[], None] | None = None) -> None:
        """Take readings from a source, in its order; `stored` is called once they are durable."""
        if stored is not None:
            self._held.secured.append((readings, stored))
        else:
            self._held.unsecured.extend(readings)
            self._bound()

    def hurry(self) -> None:
        """A source can't go on before what it delivered is stored."""
        self._hurry.set()

    async def hurried(self, timeout_s: float) -> None:
        """Return when somebody is in a hurry, at latest after so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), timeout_s)

    def take(self) -> Taken:
        """Everything held; the intake is then empty."""
        taken, self._held = self._held, Taken()
        self._hurry.clear()
        return taken

    def put_back(self, taken: Taken) -> None:
        """These couldn't be stored: they stand before whatever has come since."""
        self._held = Taken(taken.unsecured + self._held.unsecured, taken.secured + self._held.secured)
        self._bound()

    def _bound(self) -> None:
        excess = len(self._held.unsecured) - self._limit
        if excess > 0:
            del self._held.unsecured[:excess]
            self.dropped += excess

    def __len__(self) -> int:
        return len(self._held.unsecured) + sum(len(readings) for readings, _ in self._held.secured)
