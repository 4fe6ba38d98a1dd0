"""Writes readings as a text file, portion by portion: time, sensor, value; on request also quality and reason.

It takes the place of a recording where pyarrow isn't installed, and for spreadsheets.
"""

import csv
import math
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from edge_runtime.quality import Quality, Reason, quality_of, reason_of
from edge_runtime.reading import Series
from edge_runtime.unfinished_file import UnfinishedFile

SIGNALS = "signals.csv"
_REASONS = {reason.value: reason.name.lower() for reason in Reason}
_QUALITIES = {quality.value: quality.name.lower() for quality in Quality}


class CsvWriter:
    """A context manager: the file has its name once the `with` block is left without an error, and not before.

    Attributes:
        file: what is being written, under its final name.
        readings: how many were written so far.
    """

    def __init__(self, folder: Path, *, with_quality: bool = False) -> None:
        self.file = folder / SIGNALS
        self.readings = 0
        self._unfinished = UnfinishedFile(self.file)
        self._with_quality = with_quality

    def __enter__(self) -> Self:
        """Make the folder and begin.

        Raises:
            RecordingError: the folder can't be written to.
        """
        with ExitStack() as opened:
            partial = opened.enter_context(self._unfinished).partial
            with self._unfinished.errors_named():
                text = opened.enter_context(partial.open("w", newline="", encoding="utf-8"))
            self._opened = opened.pop_all()
        self._rows = csv.writer(text, lineterminator="\n")
        self._rows.writerow(["time", "sensor", "value", *(["quality", "reason"] if self._with_quality else [])])
        return self

    def write(self, series: Mapping[str, Series]) -> None:
        """Add readings, those of one sensor in order of time; values of BAD quality, and NaN, are left empty.

        Raises:
            RecordingError: they can't be written.
        """
        with self._unfinished.errors_named():
            for sensor, one in series.items():
                self._write(sensor, one)

    def _write(self, sensor: str, series: Series) -> None:
        qualities = quality_of(series.statuses)
        values = np.where(qualities == Quality.BAD, np.nan, series.values).tolist()
        times = np.datetime_as_string(series.times_us.astype("datetime64[us]"), timezone="UTC").tolist()
        texts = ["" if math.isnan(value) else repr(value) for value in values]
        if self._with_quality:
            words = [_QUALITIES.get(code, "") for code in qualities.tolist()]
            reasons = [_REASONS.get(code, "") for code in reason_of(series.statuses).tolist()]
            self._rows.writerows(zip(times, [sensor] * len(times), texts, words, reasons, strict=True))
        else:
            self._rows.writerows(zip(times, [sensor] * len(times), texts, strict=True))
        self.readings += len(series)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the file, or take it away if something went wrong or it holds nothing."""
        if not self.readings:
            self._unfinished.discard()
        with self._unfinished.errors_named():
            self._opened.__exit__(kind, error, traceback)
