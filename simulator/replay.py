"""A recording as a sequence of instants, each with the samples that are new in it. No clock, no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge_runtime.recording import Recording

LONGEST_PAUSE_US = 5_000_000
"""Gaps in a recording that are longer than this are skipped in the replay; the samples' times keep them."""


@dataclass(frozen=True, slots=True)
class Instant:
    """The samples of one moment.

    Attributes:
        time_us: when they were measured, microseconds since 1970 UTC.
        pause_us: time from the instant before to this one in the replay, at speed 1.
        samples: sensor and value, in canonical units; NaN where the recording has none.
    """

    time_us: int
    pause_us: int
    samples: tuple[tuple[str, float], ...]


class Replay:
    """Plays a recording once, or over and over with the times moved on.

    Attributes:
        sensors: names, in the order of the recording.
        step_us: median time between two instants.
        span_us: what times move on by from one round to the next: the recording's length and one step.
    """

    def __init__(self, recording: Recording) -> None:
        self.sensors = tuple(recording.series)
        series = tuple(recording.series.values())
        self._times_us = np.unique(np.concatenate([one.times_us for one in series]))
        self._values = np.full((len(self._times_us), len(series)), np.nan)
        self._is_new = np.zeros(self._values.shape, bool)
        for column, one in enumerate(series):
            rows = np.searchsorted(self._times_us, one.times_us)
            self._values[rows, column] = one.values
            self._is_new[rows, column] = True
        steps = np.diff(self._times_us)
        self.step_us = int(np.median(steps)) if len(steps) else 1_000_000
        self.span_us = int(self._times_us[-1] - self._times_us[0]) + self.step_us
        skipped = steps > max(LONGEST_PAUSE_US, 2 * self.step_us)
        self._pauses_us = np.concatenate([[self.step_us], np.where(skipped, self.step_us, steps)])

    def __len__(self) -> int:
        """Number of instants in a round."""
        return len(self._times_us)

    def instants(self, *, once: bool = False) -> Iterator[Instant]:
        """The instants of one round, or of endless rounds."""
        moved_us = 0
        while True:
            for time_us, pause_us, values, is_new in zip(
                self._times_us, self._pauses_us, self._values, self._is_new, strict=True
            ):
                new = np.flatnonzero(is_new)
                samples = zip((self.sensors[column] for column in new), values[new].tolist(), strict=True)
                yield Instant(int(time_us) + moved_us, int(pause_us), tuple(samples))
            if once:
                return
            moved_us += self.span_us
