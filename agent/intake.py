"""Readings between the sources and the store: held in memory until they are durable, and bounded."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from edge_runtime.reading import Reading
from edge_runtime.timeline import ClockStep

MAX_HELD = 200_000


@dataclass(frozen=True, slots=True)
class Taken:
    """What is to be stored together.

    Attributes:
        unsecured: readings that exist nowhere else, in order of arrival.
        secured: deliveries whose sender keeps them until it hears that they are stored, in order of arrival.
        step_after: the box's clock was set after they had arrived and before the next ones.
    """

    unsecured: list[Reading] = field(default_factory=list)
    secured: list[tuple[Sequence[Reading], Callable[[], None]]] = field(default_factory=list)
    step_after: ClockStep | None = None

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
        self._before_steps: deque[Taken] = deque()
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

    def clock_set(self, step: ClockStep) -> None:
        """What is held was stamped before this step, and is taken apart from what comes after it."""
        self._before_steps.append(replace(self._held, step_after=step))
        self._held = Taken()

    def take(self) -> Taken:
        """Everything held; the intake is then empty. If the clock was set, only what came before that."""
        if self._before_steps:
            self.hurry()
            return self._before_steps.popleft()
        taken, self._held = self._held, Taken()
        self._hurry.clear()
        return taken

    def put_back(self, taken: Taken) -> None:
        """These couldn't be stored: they stand before whatever has come since."""
        if taken.step_after:
            self._before_steps.appendleft(taken)
        else:
            self._held = Taken(taken.unsecured + self._held.unsecured, taken.secured + self._held.secured)
        self._bound()

    def _bound(self) -> None:
        parts = (*self._before_steps, self._held)
        excess = sum(len(part.unsecured) for part in parts) - self._limit
        for part in parts:
            if excess <= 0:
                return
            dropped = min(excess, len(part.unsecured))
            del part.unsecured[:dropped]
            self.dropped += dropped
            excess -= dropped

    def __len__(self) -> int:
        parts = (*self._before_steps, self._held)
        secured = sum(len(readings) for part in parts for readings, _ in part.secured)
        return secured + sum(len(part.unsecured) for part in parts)
