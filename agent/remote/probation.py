"""Whether the sources stand the settings that are on probation; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How a source is: whether it reports no fault, and how many readings it has delivered under these settings."""

    healthy: bool
    readings: int


@dataclass(frozen=True, slots=True)
class Watch:
    """Follows sources from beat to beat. A value: each beat gives the next one.

    Attributes:
        watched: names of the sources.
        patience_s: a source may be at fault for so long in a row, such as while it connects.
        ill_s: by source, how long it has been at fault.
    """

    watched: Sequence[str]
    patience_s: float
    ill_s: Mapping[str, float] = field(default_factory=dict)

    def after(self, seconds: float, sources: Mapping[str, SourceHealth]) -> Self:
        """One beat later. A source that isn't there any more is at fault."""
        ill = {
            name: self.ill_s.get(name, 0.0) + seconds
            for name in self.watched
            if name not in sources or not sources[name].healthy
        }
        return type(self)(self.watched, self.patience_s, ill)

    @property
    def failed(self) -> tuple[str, ...]:
        """Sources that were at fault for longer than the patience."""
        return tuple(name for name, seconds in self.ill_s.items() if seconds > self.patience_s)

    def silent(self, sources: Mapping[str, SourceHealth]) -> tuple[str, ...]:
        """Sources that have delivered no reading: at the end of the probation there may be none."""
        return tuple(name for name in self.watched if name not in sources or not sources[name].readings)
