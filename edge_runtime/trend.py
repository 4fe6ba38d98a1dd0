"""Where a component's health is heading: a robust slope over the diagnoses of the past."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

DAY_US = 86_400_000_000
MIN_POINTS = 10
MIN_SPAN_US = DAY_US // 4
MAX_POINTS = 200

HISTORY_WINDOWS = 1440
"""How many windows a trend looks back on: a day of minutes."""


@dataclass(frozen=True, slots=True)
class HealthHistory:
    """Health of components at past windows.

    Attributes:
        by_component: component name → (times_us int64 [n], health float64 [n]), oldest first.
    """

    by_component: Mapping[str, tuple[Int64Array, Float64Array]] = field(default_factory=dict)

    def extended(self, time_us: int, health: Mapping[str, float], keep: int) -> Self:
        """With one more window: component name → health then. The oldest points over `keep` are left out."""
        longer = dict(self.by_component)
        for component, value in health.items():
            times_us, healths = longer.get(component, (np.empty(0, np.int64), np.empty(0, np.float64)))
            longer[component] = (np.append(times_us, time_us)[-keep:], np.append(healths, value)[-keep:])
        return type(self)(longer)


def degradation_per_day(times_us: Int64Array, health: Float64Array) -> float | None:
    """Health lost per day: the Theil–Sen slope, the median of the slopes between all pairs of points, negated.

    It bears up to 29 % of wild points (P. K. Sen, JASA 63, 1968), such as misjudged windows. Negative after a repair.

    Args:
        times_us: int64 [n].
        health: float64 [n], 0–1.

    Returns:
        None with fewer than MIN_POINTS points or less than six hours between first and last: too short to tell a trend
        from the noise of one shift. Longer histories are thinned evenly to MAX_POINTS.
    """
    if len(times_us) < MIN_POINTS or int(times_us.max() - times_us.min()) < MIN_SPAN_US:
        return None
    if len(times_us) > MAX_POINTS:
        kept = np.linspace(0, len(times_us) - 1, MAX_POINTS).round().astype(np.int64)
        times_us, health = times_us[kept], health[kept]
    days = (times_us - times_us[0]) / DAY_US
    earlier, later = np.triu_indices(len(days), k=1)
    apart = days[later] != days[earlier]
    slopes = (health[later] - health[earlier])[apart] / (days[later] - days[earlier])[apart]
    return 0.0 - float(np.median(slopes))
