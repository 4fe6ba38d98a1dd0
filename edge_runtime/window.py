"""A window: an event-time interval of all channels of a machine, gaps marked."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edge_runtime.quality import Reason
from edge_runtime.resampling import resample

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ChannelWindow:
    """One sensor's samples on a regular grid within a window.

    Sample k stands for [start + k·step, start + (k+1)·step).

    Attributes:
        sensor: name in the machine file.
        step_us: grid step, microseconds.
        values: float32 [n], canonical unit; NaN marks a gap. n = 0 when the sensor was silent for the whole window.
        doubt: the commonest reason for which its readings weren't good; NONE when all of them were.
        thinned: share of the samples, 0–1, that stand for a second at rest of which only the mean was kept.
    """

    sensor: str
    step_us: int
    values: Float32Array
    doubt: Reason = Reason.NONE
    thinned: float = 0.0

    @cached_property
    def completeness(self) -> float:
        """Share of the grid that holds a value, 0–1."""
        return np.count_nonzero(np.isfinite(self.values)) / len(self.values) if len(self.values) else 0.0

    @cached_property
    def mean(self) -> float:
        """Mean of the values that aren't gaps, in single precision; NaN when there is none."""
        if self.completeness == 0.0:
            return float("nan")
        return float(self.values.mean() if self.completeness == 1.0 else np.nanmean(self.values))


@dataclass(frozen=True)
class Window:
    """All channels of one machine over start_us <= t < end_us, in the order of the machine file's sensors."""

    machine: str
    start_us: int
    end_us: int
    channels: tuple[ChannelWindow, ...]

    @property
    def length_us(self) -> int:
        """How long it is."""
        return self.end_us - self.start_us

    @cached_property
    def resampled(self) -> Float64Array:
        """All signals on one grid, whatever rate each came at, float64 [S, SAMPLES]; see `resampling`."""
        return resample([(channel.step_us, channel.values) for channel in self.channels], self.length_us)

    @cached_property
    def completeness(self) -> float:
        """Mean completeness over all channels, 0–1; a silent sensor counts 0."""
        return float(np.mean([channel.completeness for channel in self.channels])) if self.channels else 0.0
