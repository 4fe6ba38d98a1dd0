"""What every source of readings is: it runs until cancelled, mends itself, and says once what is wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from edge_runtime.reading import Reading


class Deliver(Protocol):
    """Takes readings that arrived together."""

    def __call__(self, readings: Sequence[Reading], stored: Callable[[], None] | None = None) -> None:
        """Take them and return at once.

        `stored` is called on the event loop once they are durable. With it the source promises that it can give them
        again until then, and that it bounds how many are waiting: they are never dropped for want of memory.
        """


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How a source fares, reported when it changes.

    Attributes:
        name: of the source in the settings.
        healthy: whether all of its sensors are being read.
        message: what is wrong, and where; empty when nothing is.
        hint: what to do about it.
    """

    name: str
    healthy: bool
    message: str = ""
    hint: str = ""


Report = Callable[[SourceStatus], None]

UNREACHABLE = "unreachable"
"""The kind of fault that a device or broker is which can't be connected to, went away or doesn't answer."""


@dataclass(slots=True)
class SourceCounters:
    """What a source has counted since it was made.

    Attributes:
        readings: delivered.
        late_polls: left out because the one before took too long.
        malformed: messages that weren't understood.
        unknown: values of sensors that the machine doesn't have.
        reconnects: connections after the first.
        exceptions: Modbus exceptions that devices answered, by code.
    """

    readings: int = 0
    late_polls: int = 0
    malformed: int = 0
    unknown: int = 0
    reconnects: int = 0
    exceptions: dict[int, int] = field(default_factory=dict)

    def copy(self) -> Self:
        """What was counted until now."""
        return replace(self, exceptions=self.exceptions.copy())


class Source(Protocol):
    """Reads sensors."""

    @property
    def name(self) -> str:
        """Name in the settings."""

    @property
    def sensors(self) -> frozenset[str]:
        """Names of the sensors it reads."""

    @property
    def counters(self) -> SourceCounters:
        """What it has counted."""

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Read until cancelled. A device or broker that can't be reached is reported and tried again for ever."""


@dataclass(slots=True)
class StatusLine:
    """Passes on a source's state only where it changes: each kind of fault once in a spell of faults, then recovery."""

    name: str
    report: Report
    _reported: set[str] = field(default_factory=set)

    def faulty(self, message: str, hint: str = "", *, kind: str = "") -> None:
        """Something is wrong. Messages that differ only in detail share a `kind`; the first of them is passed on."""
        kind = kind or message
        if kind not in self._reported:
            self._reported.add(kind)
            self.report(SourceStatus(self.name, healthy=False, message=message, hint=hint))

    def healthy(self) -> None:
        """All is well; said only after a fault."""
        if self._reported:
            self._reported.clear()
            self.report(SourceStatus(self.name, healthy=True))
