"""Simulated degradation: health that loses so much a day and wanders, and what a model sees of it, an hour apart."""

import numpy as np

from edge_runtime.prognosis.history import HOUR_US, HealthHistory
from edge_runtime.prognosis.trend import HealthTrend, health_trend

NOW_US = 500_000 * HOUR_US
HOURS = 24


def wandering(rng, loss_per_day, sigma, days, start=1.0):
    """Health at each hour, σ being its wandering over the root of a day."""
    steps = rng.normal(-loss_per_day / HOURS, sigma / np.sqrt(HOURS), int(days * HOURS))
    return start + np.cumsum(steps)


def trend_of(health, *, hours=None) -> HealthTrend:
    """The trend of a pump with this health at these hours before now, the last one now."""
    ago = np.arange(len(health) - 1, -1, -1) if hours is None else np.asarray(hours)
    history = HealthHistory({"pump": (NOW_US - ago[:-1] * HOUR_US, np.asarray(health)[:-1])})
    return health_trend(history, "pump", NOW_US - int(ago[-1]) * HOUR_US, float(health[-1]))
