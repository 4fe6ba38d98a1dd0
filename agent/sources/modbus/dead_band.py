"""Keeps to itself what hardly changed. No I/O."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from agent.sources.modbus.decoder import Values
from agent.sources.modbus.registers import RegisterLayout

BoolArray = npt.NDArray[np.bool_]


class DeadBand:
    """Chooses which values of a group's samples are delivered, each register by its own band."""

    def __init__(self, registers: Sequence[RegisterLayout]) -> None:
        self._bands = np.array([register.dead_band for register in registers])
        self._longest_s = np.array([register.at_least_every_s for register in registers])
        self._numbers = np.full(len(registers), np.nan)
        self._statuses = np.full(len(registers), 255, np.uint8)
        self._delivered_s = np.full(len(registers), -np.inf)

    def chosen(self, values: Values, now_s: float) -> BoolArray:
        """Bool [n]: changed by the band or more since they were last delivered, or in status, or due by time."""
        chosen: BoolArray = (
            (self._bands == 0)
            | ~(np.abs(values.numbers - self._numbers) < self._bands) & ~np.isnan(values.numbers)
            | (values.statuses != self._statuses)
            | (now_s - self._delivered_s >= self._longest_s)
        )
        self._numbers[chosen] = values.numbers[chosen]
        self._statuses[chosen] = values.statuses[chosen]
        self._delivered_s[chosen] = now_s
        return chosen
