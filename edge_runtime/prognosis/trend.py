"""A component's trend, from its health over time: how much it loses a day, how sure that is, and what life remains.

"No trend" is an answer: the interval holds zero. So is "not yet": too little is known of the component, or since it was
repaired.
"""

import numpy as np
from pydantic import BaseModel, ConfigDict

from edge_runtime.prognosis.history import HOUR_US, HealthHistory
from edge_runtime.prognosis.remaining_life import FAILED_BELOW, RemainingLife, forecast
from edge_runtime.prognosis.wiener import fit

DAY_US = 24 * HOUR_US
MIN_DAYS = 7.0
"""A week holds its shifts and its weekend; a shorter history takes them for a trend."""
MIN_DAYS_SEEN = 5
"""Days with a diagnosis; between fewer anything may have happened."""
LEAST_CHANGE = 0.01
"""Of health, over the whole history: less is no trend, however straight."""
_TAIL = 0.05


class HealthTrend(BaseModel):
    """How a component's health changes.

    Attributes:
        history_days: what is known of it since it was last repaired, at most three months.
        loss_per_day: median; negative where health rises. None where `reason` says why.
        loss_low: the loss is less with a chance of one in twenty.
        loss_high: it is more with a chance of one in twenty.
        significant: zero is outside of that interval, and health changed by LEAST_CHANGE. Otherwise there is no trend.
        reason: why none can be given.
        remaining_life: until it fails, or why that isn't foreseen.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    history_days: float
    loss_per_day: float | None = None
    loss_low: float | None = None
    loss_high: float | None = None
    significant: bool = False
    reason: str | None = None
    remaining_life: RemainingLife


def health_trend(history: HealthHistory, component: str, now_us: int, health: float) -> HealthTrend:
    """The trend of a component, `health` being its health now."""
    times_us, healths = history.of(component).extended(now_us, {component: health}).until(component, now_us)
    ages = (now_us - times_us) / DAY_US
    days = float(ages.max())
    lack = _lack(days, len(np.unique(ages.astype(np.int64))))
    if lack:
        return HealthTrend(history_days=days, reason=lack, remaining_life=_refused(lack))
    paths = fit(ages, healths)
    low, middle, high = (float(value) for value in np.quantile(paths.loss, (_TAIL, 0.5, 1 - _TAIL)))
    significant = (low > 0 or high < 0) and abs(middle) * days >= LEAST_CHANGE
    if not significant:
        life = _refused("health shows no trend")
    elif low <= 0:
        life = _refused("health is rising")
    else:
        life = forecast(paths, days)
    return HealthTrend(
        history_days=days,
        loss_per_day=middle,
        loss_low=low,
        loss_high=high,
        significant=significant,
        remaining_life=life,
    )


def _lack(days: float, days_seen: int) -> str | None:
    if days < MIN_DAYS:
        return f"{days:.1f} days of history, {MIN_DAYS:.0f} needed"
    if days_seen < MIN_DAYS_SEEN:
        return f"diagnosed on {days_seen} days of {days:.0f}, {MIN_DAYS_SEEN} needed"
    return None


def _refused(reason: str) -> RemainingLife:
    return RemainingLife(threshold=FAILED_BELOW, refused=reason)
