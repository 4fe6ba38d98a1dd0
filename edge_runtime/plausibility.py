"""Do sensors that are connected with each other tell one story?

The balances of a machine are drawn up between medians over INTERVAL_US of source time, so that neither single wild
readings nor fast transients count. One that is violated PATIENCE times in a row stands, until it has held as often.
A standing one casts doubt on its sensors; of those that are part of several balances, on the ones with the greatest
share of violated ones. Doubt makes a reading uncertain, never bad: the machine itself may be what is wrong.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edge_runtime.balances import Balance, BalanceKind, balances_of
from edge_runtime.machine import Machine
from edge_runtime.quality import Quality, quality_of
from edge_runtime.quality_check import Readings
from edge_runtime.reading import Float64Array
from edge_runtime.windowing import STEP_BACK_US

INTERVAL_US = 10_000_000
LATENESS_US = 2_000_000
PATIENCE = 3
LEAST_READINGS = 3
"""A median of fewer isn't robust."""
STEADY_SHARE = 0.05
"""Power is balanced only where pressure and flow have changed by less than this since the interval before: an
accumulator that empties gives power that no motor takes."""


@dataclass(slots=True)
class _Case:
    """One balance: what it said when it began to stand, and how often in a row the opposite of that was seen since."""

    balance: Balance
    words: str = ""
    contrary: int = 0

    def note(self, violated: bool, words: str) -> None:
        """Take one interval into account."""
        self.contrary = self.contrary + 1 if violated != bool(self.words) else 0
        if self.contrary >= PATIENCE:
            self.words, self.contrary = words, 0


class PlausibilityCheck:
    """Follows the balances of one machine.

    Attributes:
        doubts: sensors that contradict others, each with what it contradicts.
    """

    def __init__(self, machine: Machine) -> None:
        self._cases = [_Case(balance) for balance in balances_of(machine)]
        self._involved = frozenset(name for case in self._cases for name in case.balance.sensors)
        self._parts: defaultdict[int, defaultdict[str, list[Float64Array]]] = defaultdict(lambda: defaultdict(list))
        self._medians: dict[str, float] = {}
        self._newest_us = 0
        self._closed = -1
        self.doubts: Mapping[str, str] = {}

    def observe(self, readings: Readings) -> None:
        """Take readings that were judged and stored."""
        newest_us = int(readings.times_us.max())
        if newest_us < self._newest_us - STEP_BACK_US:
            self._newest_us, self._closed = 0, -1
            self._parts.clear()
        self._newest_us = max(newest_us, self._newest_us)
        self._collect(readings)
        for interval in sorted(self._parts):
            if (interval + 1) * INTERVAL_US + LATENESS_US <= self._newest_us:
                self._close(interval)

    def _collect(self, readings: Readings) -> None:
        start = 0
        for sensor, count in zip(readings.sensors, readings.counts.tolist(), strict=True):
            rows = slice(start, start + count)
            start += count
            if sensor not in self._involved:
                continue
            intervals = readings.times_us[rows] // INTERVAL_US
            values = readings.values[rows]
            believed = quality_of(readings.statuses[rows]) != Quality.BAD
            for interval in {*intervals.tolist()} if intervals[0] != intervals[-1] else {int(intervals[0])}:
                if interval > self._closed:
                    self._parts[interval][sensor].append(values[believed & (intervals == interval)])

    def _close(self, interval: int) -> None:
        """Draw the balances up for one interval."""
        joined = {sensor: np.concatenate(parts) for sensor, parts in self._parts.pop(interval).items()}
        before = self._medians if self._closed == interval - 1 else {}
        medians = {name: float(np.median(part)) for name, part in joined.items() if len(part) >= LEAST_READINGS}
        self._closed, self._medians = interval, medians
        for case in self._cases:
            balance = case.balance
            if not all(name in medians for name in balance.sensors):
                case.note(False, "")
            elif balance.kind is not BalanceKind.POWER or _steady(balance.sensors[:2], before, medians):
                values = tuple(medians[name] for name in balance.sensors)
                violated = balance.excess(values) > 0
                case.note(violated, balance.words(values) if violated else "")
        self._cast_doubt()

    def _cast_doubt(self) -> None:
        standing = [case for case in self._cases if case.words]
        if not standing and not self.doubts:
            return
        of_all = Counter(name for case in self._cases for name in case.balance.sensors)
        of_standing = Counter(name for case in standing for name in case.balance.sensors)
        share = {name: of_standing[name] / of_all[name] for name in of_standing}
        doubts: dict[str, str] = {}
        for case in standing:
            worst = max(share[name] for name in case.balance.sensors)
            doubts |= {name: case.words for name in case.balance.sensors if share[name] == worst}
        self.doubts = doubts


def _steady(sensors: tuple[str, ...], before: Mapping[str, float], now: Mapping[str, float]) -> bool:
    return all(name in before and abs(now[name] - before[name]) <= STEADY_SHARE * abs(now[name]) for name in sensors)
