"""A trend in words that a fitter understands."""

from edge_runtime.prognosis.remaining_life import RemainingLife
from edge_runtime.prognosis.trend import HealthTrend

WEEK = 7
MOST_DAYS = 3 * WEEK
"""Times longer than that are said in weeks, where a week is not too coarse to tell them apart."""


def trend_words(trend: HealthTrend) -> str:
    """Such as "loses 3.1% [2.0, 5.2] of its health a week; below 50% in 6–14 weeks, as likely as not within 9"."""
    if trend.loss_per_day is None or trend.loss_low is None or trend.loss_high is None:
        return f"no trend yet: {trend.reason}"
    middle, low, high = (100 * WEEK * loss for loss in (trend.loss_per_day, trend.loss_low, trend.loss_high))
    if not trend.significant:
        return f"no trend in {trend.history_days:.0f} days: between {-high:+.1f} and {-low:+.1f}% a week"
    if middle < 0:
        return f"gains {-middle:.1f}% [{-high:.1f}, {-low:.1f}] of its health a week"
    return f"loses {middle:.1f}% [{low:.1f}, {high:.1f}] of its health a week; {_life_words(trend.remaining_life)}"


def _life_words(life: RemainingLife) -> str:
    early, middle, late = life.p10_days, life.p50_days, life.p90_days
    if early is None or middle is None:
        return f"no forecast: {life.refused}"
    far = late or middle
    unit, length = ("weeks", WEEK) if far > MOST_DAYS and far - early >= WEEK else ("days", 1)
    first, likely = f"{early / length:.0f}", f"as likely as not within {middle / length:.0f}"
    when = f"{first} {unit} or later" if late is None else f"{first}–{late / length:.0f} {unit}"
    return f"below {life.threshold:.0%} in {when}, {likely}"
