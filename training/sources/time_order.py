"""That the times of each sensor rise from row to row and from file to file."""

from pathlib import Path

import numpy as np

from edge_runtime.errors import RecordingError
from edge_runtime.reading import Int64Array
from training.sources.csv_cells import Cells


class TimeOrder:
    """Remembers where each sensor has got to."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, Path]] = {}

    def check(self, sensor: str, times_us: Int64Array, cells: Cells, rows: Int64Array) -> None:
        """Take note of further readings of a sensor.

        Args:
            sensor: its name.
            times_us: int64 [n], n ≥ 1, of its readings.
            cells: the column that the times come from.
            rows: int64 [n], index in it of each.

        Raises:
            RecordingError: a time isn't after the one before.
        """
        before, file = self._last.get(sensor, (None, cells.path))
        if before is not None and times_us[0] <= before and file != cells.path:
            raise RecordingError(
                f"{cells.path}: row {cells.rows[rows[0]]}: {cells.text[int(rows[0])]} isn't after the last time of "
                f"{sensor} in {file.name}",
                hint="Files of the same sensors must not overlap in time: cut one of them.",
            )
        steps = np.diff(times_us, prepend=before if before is not None else times_us[0] - 1)
        wrong = np.flatnonzero(steps <= 0)
        if len(wrong):
            twice = steps[wrong[0]] == 0
            raise cells.fault(
                int(rows[wrong[0]]),
                f"{sensor} has this time already" if twice else f"this is before the time of {sensor} in the row above",
                "Keep one of the two rows."
                if twice
                else "Sort the file by time; if a clock was set back, cut it there.",
            )
        self._last[sensor] = int(times_us[-1]), cells.path
