"""How a machine stands beside its healthy self over several windows, sensor by sensor."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from edge_runtime.baseline.deviation import Comparison, compare
from edge_runtime.baseline.document import MachineBaseline
from edge_runtime.baseline.profile import PARTS, WindowProfile
from edge_runtime.machine import Machine

UNUSUAL = 3.0
FAR_OFF = 6.0
"""Deviations in spreads. If values are normally distributed a healthy window is beyond three about once in 200 when a
hundred windows were learned from, and once in 20 when ten were: of these the spread isn't known as well."""


@dataclass(frozen=True, slots=True)
class SensorStanding:
    """One sensor over the windows in which it could be compared; medians of them.

    Attributes:
        sensor: name.
        unit: of `seen` and `expected`.
        windows: how many those are.
        seen: window mean.
        expected: what it is when healthy.
        deviation: of the mean, in spreads.
        part: the twentieth of a window that deviates most, from 0; None when the mean deviates more than any.
        part_deviation: of that, in spreads; 0 without.
    """

    sensor: str
    unit: str
    windows: int
    seen: float
    expected: float
    deviation: float
    part: int | None
    part_deviation: float

    @property
    def furthest(self) -> float:
        """Size of its largest deviation."""
        return max(abs(self.deviation), abs(self.part_deviation))

    @property
    def words(self) -> str:
        """What that means."""
        return "as healthy" if self.furthest < UNUSUAL else "unusual" if self.furthest < FAR_OFF else "far off"


@dataclass(frozen=True, slots=True)
class MachineStanding:
    """The whole machine.

    Attributes:
        windows: how many were looked at.
        compared: in so many the machine did what it was seen doing when healthy.
        sensors: by falling deviation.
    """

    windows: int
    compared: int
    sensors: tuple[SensorStanding, ...]


def standing(machine: Machine, baseline: MachineBaseline, profiles: Iterable[WindowProfile]) -> MachineStanding:
    """Put windows beside the baseline."""
    seen, compared = [], []
    windows = 0
    for item in profiles:
        windows += 1
        comparison = compare(machine, baseline, item)
        if comparison.regime is not None:
            seen.append(item)
            compared.append(comparison)
    sensors = (_sensor(machine, number, seen, compared) for number in range(len(machine.sensors)))
    found = sorted((item for item in sensors if item), key=lambda item: -item.furthest)
    return MachineStanding(windows, len(compared), tuple(found))


def _sensor(
    machine: Machine, number: int, seen: list[WindowProfile], compared: list[Comparison]
) -> SensorStanding | None:
    rows = [
        (item.means[number], comparison.expected[number, 0], comparison.deviation[number])
        for item, comparison in zip(seen, compared, strict=True)
        if np.isfinite(comparison.deviation[number]).all()
    ]
    if not rows:
        return None
    deviation = np.median([row[2] for row in rows], axis=0)
    worst = int(np.abs(deviation).argmax())
    return SensorStanding(
        sensor=machine.sensors[number].name,
        unit=machine.sensors[number].unit,
        windows=len(rows),
        seen=float(np.median([row[0] for row in rows])),
        expected=float(np.median([row[1] for row in rows])),
        deviation=float(deviation[0]),
        part=worst - 1 if worst else None,
        part_deviation=float(deviation[worst]) if worst else 0.0,
    )


def part_words(part: int, window_s: float) -> str:
    """When in a window a part is, in seconds."""
    step = window_s / PARTS
    return f"{part * step:g}–{(part + 1) * step:g} s"
