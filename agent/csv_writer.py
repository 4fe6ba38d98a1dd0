"""Writes readings as a text file, portion by portion: time, sensor, value; on request also quality and reason.

It takes the place of a recording where pyarrow isn't installed, and for spreadsheets.
"""

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from edge_runtime.errors import RecordingError
from edge_runtime.quality import Quality, Reason, quality_of, reason_of
from edge_runtime.reading import Series

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
        self._partial = self.file.with_name(SIGNALS + ".partial")
        self._with_quality = with_quality

    def __enter__(self) -> Self:
        """Make the folder and begin.

        Raises:
            RecordingError: the folder can't be written to.
        """
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self._text = self._partial.open("w", newline="", encoding="utf-8")
        except OSError as error:
            raise self._failed(error) from error
        self._rows = csv.writer(self._text, lineterminator="\n")
        self._rows.writerow(["time", "sensor", "value", *(["quality", "reason"] if self._with_quality else [])])
        return self

    def write(self, series: Mapping[str, Series]) -> None:
        """Add readings, those of one sensor in order of time; values of BAD quality, and NaN, are left empty.

        Raises:
            RecordingError: they can't be written.
        """
        try:
            for sensor, one in series.items():
                self._write(sensor, one)
        except OSError as error:
            raise self._failed(error) from error

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
        try:
            self._text.close()
            if kind is None and self.readings:
                self._partial.replace(self.file)
        except OSError as failure:
            raise self._failed(failure) from failure
        finally:
            self._partial.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> RecordingError:
        return RecordingError(
            f"{self.file.parent}: can't be written: {error.strerror or error}",
            hint="Name a folder that you may write to, on a disk with room.",
        )
