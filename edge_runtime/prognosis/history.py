"""What is remembered of components' health: one value an hour over three months, and since the last repair."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

HOUR_US = 3_600_000_000
MAX_HOURS = 90 * 24
LOOK_BACK_US = MAX_HOURS * HOUR_US
"""Older health says little about the present rate, which grows with wear."""

REPAIRED_RISE = 0.2
"""Health doesn't come back by itself: a lasting rise by so much is another part, or a mended one."""
REPAIR_POINTS = 12
"""Points before and after whose medians are compared; fewer can be misjudged windows."""

_NOTHING = np.empty(0, np.int64), np.empty(0, np.float64)


@dataclass(frozen=True, slots=True)
class HealthHistory:
    """Health of components at past windows, of each hour the last one.

    Attributes:
        by_component: component name → (starts of the windows, µs, int64 [n]; health float64 [n]), as they came.
    """

    by_component: Mapping[str, tuple[Int64Array, Float64Array]] = field(default_factory=dict)

    def of(self, component: str) -> Self:
        """That of one component alone."""
        return type(self)({component: self.by_component.get(component, _NOTHING)})

    def extended(self, start_us: int, health: Mapping[str, float]) -> Self:
        """With one more window: component name → health then, without those that weren't judged.

        Of its hour it is the one that counts, also where it wasn't judged: so what is read back from the stored
        diagnoses, one an hour, is the same.
        """
        longer: dict[str, tuple[Int64Array, Float64Array]] = {}
        for component in self.by_component.keys() | health.keys():
            times_us, healths = self.by_component.get(component, _NOTHING)
            others = times_us // HOUR_US != start_us // HOUR_US
            times_us, healths = times_us[others][-MAX_HOURS:], healths[others][-MAX_HOURS:]
            if component in health:
                times_us, healths = np.append(times_us, start_us), np.append(healths, health[component])
            longer[component] = times_us, healths
        return type(self)(longer)

    def until(self, component: str, now_us: int) -> tuple[Int64Array, Float64Array]:
        """Times and health of a component in the three months before now, since its last repair, in order of time.

        Times after now are those of a clock that ran ahead, and are left out.
        """
        times_us, health = self.by_component.get(component, _NOTHING)
        seen = (times_us <= now_us) & (times_us > now_us - LOOK_BACK_US)
        order = np.argsort(times_us[seen])
        times_us, health = times_us[seen][order], health[seen][order]
        first = _repaired(health)
        return times_us[first:], health[first:]


def _repaired(health: Float64Array) -> int:
    """Position of the first health after the last repair, 0 without one."""
    if len(health) < 2 * REPAIR_POINTS or np.ptp(health) < REPAIRED_RISE:
        return 0
    medians = np.median(np.lib.stride_tricks.sliding_window_view(health, REPAIR_POINTS), axis=1)
    rises = medians[REPAIR_POINTS:] - medians[:-REPAIR_POINTS]
    risen = np.flatnonzero(rises >= REPAIRED_RISE)
    if not len(risen):
        return 0
    last = risen[risen > risen[-1] - REPAIR_POINTS]
    # Around the repair several pairs of medians differ alike; in their middle is where health itself jumps.
    largest = last[rises[last] >= rises[last].max() - 1e-9]
    around = int(np.median(largest)) + REPAIR_POINTS
    steps = np.diff(health[around - REPAIR_POINTS : around + REPAIR_POINTS])
    return around - REPAIR_POINTS + int(steps.argmax()) + 1
