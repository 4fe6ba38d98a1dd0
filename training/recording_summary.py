"""What is in a recording: its sensors, how often labels name each level, and the groups that windows fall into."""

from dataclasses import dataclass

import numpy as np

from edge_runtime.machine import Machine
from edge_runtime.reading import Series
from edge_runtime.recording import Recording

_GAP_STEPS = 2.5  # A reading that comes late by a step is jitter; past two steps, one is missing.


@dataclass(frozen=True, slots=True)
class SensorSummary:
    """One sensor's readings; figures are None where there is no value.

    Attributes:
        sensor, unit: as in the machine file; unit "?" where it doesn't have the sensor.
        readings: how many.
        rate_hz: one over the median step; None with fewer than two readings.
        gaps: steps longer than two and a half median ones.
        longest_gap_s: the longest of them.
        missing: share of the readings without a value, 0–1.
        low, median, high: of the values.
    """

    sensor: str
    unit: str
    readings: int
    rate_hz: float | None
    gaps: int
    longest_gap_s: float
    missing: float
    low: float | None
    median: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """A whole recording.

    Attributes:
        sensors: in the machine file's order, then those that it doesn't have.
        label_rows, stable_rows: how many.
        levels: label rows by level by condition, stable ones.
        groups: how many values each other label column has among the stable rows.
    """

    sensors: tuple[SensorSummary, ...]
    label_rows: int
    stable_rows: int
    levels: dict[str, dict[str, int]]
    groups: dict[str, int]


def summarise(machine: Machine, recording: Recording) -> RecordingSummary:
    """What is in a recording of that machine."""
    units = {sensor.name: sensor.unit for sensor in machine.sensors}
    names = [*(name for name in units if name in recording.series), *(n for n in recording.series if n not in units)]
    rows = [row for row in recording.labels if row.stable]
    conditions = {condition.name: condition for condition in machine.conditions}
    levels = {
        name: {
            str(level.label): sum(str(row.values.get(name)) == str(level.label) for row in rows)
            for level in condition.levels
        }
        for name, condition in conditions.items()
    }
    others = dict.fromkeys(name for row in rows for name in row.values if name not in conditions)
    return RecordingSummary(
        tuple(_summary(name, units.get(name, "?"), recording.series[name]) for name in names),
        len(recording.labels),
        len(rows),
        levels,
        {name: len({row.values.get(name) for row in rows}) for name in others},
    )


def _summary(name: str, unit: str, series: Series) -> SensorSummary:
    values = series.values[np.isfinite(series.values)]
    steps = np.diff(series.times_us) / 1e6
    step = float(np.median(steps)) if len(steps) else None
    late = steps[steps > _GAP_STEPS * step] if step is not None else steps
    return SensorSummary(
        sensor=name,
        unit=unit,
        readings=len(series),
        rate_hz=1 / step if step else None,
        gaps=len(late),
        longest_gap_s=float(late.max(initial=0.0)),
        missing=1 - len(values) / len(series),
        low=float(values.min()) if len(values) else None,
        median=float(np.median(values)) if len(values) else None,
        high=float(values.max()) if len(values) else None,
    )
