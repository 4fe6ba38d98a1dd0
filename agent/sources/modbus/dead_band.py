"""Keeps to itself what hardly changed. No I/O."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from agent.sources.modbus.decoder import Values
from agent.sources.modbus.registers import RegisterLayout


class DeadBand:
    """Chooses which values of a group's samples are delivered, each register by its own band."""

    def __init__(self, registers: Sequence[RegisterLayout]) -> None:
        self._bands = [_Band(register.dead_band, register.at_least_every_s) for register in registers]

    def chosen(self, values: Values, now_s: float) -> list[bool]:
        """Which values changed by their band or more since they were last delivered, or in status, or are due."""
        return [
            band.lets_through(number, status, now_s)
            for band, number, status in zip(self._bands, values.numbers, values.statuses, strict=True)
        ]


@dataclass(slots=True)
class _Band:
    width: float
    longest_s: float
    number: float = math.nan
    status: int = -1
    delivered_s: float = -math.inf

    def lets_through(self, number: float, status: int, now_s: float) -> bool:
        changed = self.width == 0 or status != self.status or abs(number - self.number) >= self.width
        if not changed and now_s - self.delivered_s < self.longest_s:
            return False
        self.number, self.status, self.delivered_s = number, status, now_s
        return True
