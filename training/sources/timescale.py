"""The windows that boxes have sent to the centre, from its TimescaleDB or plain PostgreSQL, as a source.

    timescaledb:MACHINE?since=2026-01-01&until=2026-02-01&labels=findings.csv

All but the word before the colon may be left out. The connection is the centre's own: HYDROSIGHT_DATABASE_URL or
HYDROSIGHT_DATABASE_URL_FILE. What the centre knows of a machine's true state is what people found (`hydrosight-cloud
label add`); a CSV file of labels takes its place. A model's own diagnoses are no labels.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qsl

import psycopg

from cloud_sync.cloud.export.stored_windows import (
    WindowSpan,
    machines_with_windows,
    stored_labels,
    stored_portions,
    window_count,
)
from cloud_sync.cloud.settings import load_settings
from cloud_sync.cloud.store.snapshot import snapshot
from edge_runtime.errors import ConfigurationError, RecordingError
from edge_runtime.recording import LabelRow
from training.sources.csv_labels import read_csv_labels
from training.sources.source import CENTRE_SCHEME, Portion, ReadOptions

_PARAMETERS = ("since", "until", "labels")


class TimescaleSource:
    """A machine's windows at the centre. Their samples are means over grid steps, NaN where there is a gap."""

    layout = "windows at the centre (TimescaleDB or PostgreSQL)"

    def __init__(self, address: str, options: ReadOptions) -> None:
        self.path = Path(address)
        machine, _, query = address.removeprefix(CENTRE_SCHEME).partition("?")
        parameters = dict(parse_qsl(query))
        if unknown := sorted(set(parameters) - set(_PARAMETERS)):
            raise ConfigurationError(
                f"{address}: there is no {', '.join(unknown)}", hint=f"What can be said is {', '.join(_PARAMETERS)}."
            )
        self._span = WindowSpan(
            machine or options.equipment or (options.machine.name if options.machine else ""),
            _time(address, parameters.get("since")),
            _time(address, parameters.get("until")),
        )
        beside = parameters.get("labels")
        self._labels = options.labels or (Path(beside) if beside else None)
        self._local = options.local

    @cached_property
    def size(self) -> int:
        """Windows in the span.

        Raises:
            RecordingError: there is none.
        """
        with self._snapshot() as connection:
            count = window_count(connection, self._span)
            if not count:
                names = ", ".join(machines_with_windows(connection))
                raise RecordingError(
                    f"{self.path}: the centre has no window of {self._span.machine!r} in this span of time",
                    hint=f"It has windows of {names or 'no machine yet'}: name one after {CENTRE_SCHEME}",
                )
        return count

    def portions(self) -> Iterator[Portion]:
        """The readings, some windows at a time."""
        if not self.size:
            return
        with self._snapshot() as connection:
            for portion in stored_portions(connection, self._span):
                yield Portion(portion.series, portion.windows)

    def labels(self) -> tuple[LabelRow, ...]:
        """Those of the CSV file that the address or the options name, else what people have said at the centre.

        Of the latter a row is a window, with the last word about each condition.
        """
        if self._labels is not None:
            return read_csv_labels(self._labels, self._local, self._span.machine)
        with self._snapshot() as connection:
            return tuple(stored_labels(connection, self._span))

    def _snapshot(self) -> AbstractContextManager[psycopg.Connection]:
        return snapshot(load_settings(), str(self.path))


def _time(address: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{address}: {text!r} is no time", hint="Write 2026-01-31 or 2026-01-31T13:45Z."
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
