"""The machine's sensors as the agent judges them: each beat's readings, the balances between them, their health.

Readings that could not be stored come again at the next beat, so what is learnt from them counts only once they are.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.store.block import Block
from edge_runtime.machine import Machine
from edge_runtime.plausibility import PlausibilityCheck
from edge_runtime.quality_check import CheckState, QualityCheck
from edge_runtime.sensor_health import SensorHealth, SensorWatch


@dataclass(frozen=True, slots=True)
class Judged:
    """A block with the statuses that were found, and what will have been learnt once it is stored."""

    block: Block
    state: CheckState


class SensorJudge:
    """Judges the readings of one machine, in the order they arrived."""

    def __init__(self, machine: Machine, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._check = QualityCheck(machine)
        self._state = self._check.begin()
        self._plausibility = PlausibilityCheck(machine)
        self._watch = SensorWatch(machine, now_s())

    def judge(self, block: Block) -> Judged:
        """How good its readings are."""
        statuses, state = self._check.judge(self._state, block, self._plausibility.doubts)
        return Judged(replace(block, statuses=statuses), state)

    def stored(self, judged: Judged) -> None:
        """This block is durable: the next one is judged by what it taught."""
        self._state = judged.state
        self._plausibility.observe(judged.block)
        self._watch.observe(judged.block, self._now_s())

    def health(self) -> tuple[SensorHealth, ...]:
        """Every sensor's health now, in the machine's order."""
        return self._watch.health(self._now_s(), self._plausibility.doubts)
