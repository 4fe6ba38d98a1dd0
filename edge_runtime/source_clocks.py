"""Which sources' clocks run ahead of all others: what they stamp says nothing about what time it is.

A source that stamps its readings a year ahead would make every window due and hide what the others say. How far a
source is ahead is its time less the time of arrival. That alone proves nothing: the box's own clock may be behind, and
a recording played fast runs ahead as well. So a sensor is held against the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median_low

from edge_runtime.quality import Quality, Reason
from edge_runtime.reading import Reading

AHEAD_US = 3_600_000_000
"""An hour: more than any time zone's or daylight saving's mistake leaves, less than what would hold windows up."""


class SourceClocks:
    """Remembers how far each sensor's times were ahead of their arrival when it was last heard."""

    def __init__(self) -> None:
        self._ahead_us: dict[str, int] = {}

    def judge(self, readings: Sequence[Reading]) -> tuple[Sequence[Reading], set[int]]:
        """Mark what comes from a clock that runs ahead.

        Returns:
            The readings, those of such a clock UNCERTAIN for CLOCK where they were good, and the source times of all
            others.
        """
        self._ahead_us |= {one.sensor: one.source_time_us - one.received_time_us for one in readings}
        limit_us = max(0, median_low(self._ahead_us.values())) + AHEAD_US if self._ahead_us else AHEAD_US
        if len(self._ahead_us) < 2 or max(_ahead(readings), default=0) <= limit_us:
            return readings, {reading.source_time_us for reading in readings}
        judged = [
            _doubted(one) if ahead > limit_us else one for one, ahead in zip(readings, _ahead(readings), strict=True)
        ]
        believed = {
            one.source_time_us for one, ahead in zip(readings, _ahead(readings), strict=True) if ahead <= limit_us
        }
        return judged, believed


def _ahead(readings: Iterable[Reading]) -> Iterable[int]:
    return (one.source_time_us - one.received_time_us for one in readings)


def _doubted(reading: Reading) -> Reading:
    if reading.quality is not Quality.GOOD:
        return reading
    return replace(reading, quality=Quality.UNCERTAIN, reason=Reason.CLOCK)
