"""When a signal switches: moments at which it passes a share of its own swing, and times between them."""

import numpy as np

from edge_runtime.features.physics.operation import Float64Array

LEAST_SWING = 0.2
"""Of the largest magnitude: a signal that swings by less doesn't switch, it is noisy."""

# What a signal does for less than a fiftieth of the time is an overshoot.
_OUTLYING = 0.02


def swing_share(values: Float64Array) -> Float64Array:
    """A signal [s] as a share of the swing between its low and its high; all NaN when it doesn't switch."""
    known = np.sort(values[np.isfinite(values)])
    if len(known) < 2:
        return np.full_like(values, np.nan)
    outlying = int(_OUTLYING * len(known))
    low, high = known[outlying], known[-1 - outlying]
    if high - low <= LEAST_SWING * max(abs(low), abs(high)):
        return np.full_like(values, np.nan)
    share: Float64Array = (values - low) / (high - low)
    return share


def upward_crossings(share: Float64Array, level: float) -> Float64Array:
    """Moments, in samples, at which [s] rises through a level; linear between samples, none across gaps."""
    before, after = share[:-1], share[1:]
    at = np.flatnonzero((before < level) & (after >= level))
    crossing: Float64Array = at + (level - before[at]) / (after[at] - before[at])
    return crossing


def rise_samples(response: Float64Array) -> float:
    """Median time in samples from 10 to 90 % of the swing, over all rises of [s]; NaN without one."""
    share = swing_share(response)
    starts, middles, ends = (upward_crossings(share, level) for level in (0.1, 0.5, 0.9))
    return _median(_first_from(ends, middles) - _last_until(starts, middles))


def dead_samples(command: Float64Array, response: Float64Array) -> float:
    """Median time in samples from a command to 10 % of the response, over all commands to open; NaN without one."""
    commands = upward_crossings(swing_share(command), 0.5)
    return _median(_first_from(upward_crossings(swing_share(response), 0.1), commands) - commands)


def _first_from(moments: Float64Array, others: Float64Array) -> Float64Array:
    """The first of the moments at or after each of the others; NaN where there is none."""
    return np.append(moments, np.nan)[np.searchsorted(moments, others, side="left")]


def _last_until(moments: Float64Array, others: Float64Array) -> Float64Array:
    """The last of the moments at or before each of the others; NaN where there is none."""
    return np.append(np.nan, moments)[np.searchsorted(moments, others, side="right")]


def _median(times: Float64Array) -> float:
    known = times[np.isfinite(times)]
    return float(np.median(known)) if len(known) else np.nan
