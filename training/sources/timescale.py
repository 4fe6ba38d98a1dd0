"""The windows that boxes have sent to the centre, from its TimescaleDB or plain PostgreSQL, as a source.

    timescaledb:MACHINE?since=2026-01-01&until=2026-02-01&labels=findings.csv

All but the word before the colon may be left out. The connection is the centre's own: HYDROSIGHT_DATABASE_URL or
HYDROSIGHT_DATABASE_URL_FILE. What the centre knows of a machine's true state is what people found (`hydrosight-cloud
label add`); a CSV file of labels takes its place. A model's own diagnoses are no labels.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import numpy as np

from edge_runtime.errors import ConfigurationError, DatabaseError, RecordingError
from edge_runtime.reading import Int64Array, Series
from edge_runtime.recording import LabelRow
from edge_runtime.utc import microseconds
from training.sources.csv_labels import read_csv_labels
from training.sources.source import Portion, ReadOptions

if TYPE_CHECKING:
    import psycopg

# The database's client is imported where it is asked for: other sources do without it.
# ruff: noqa: PLC0415

SCHEME = "timescaledb:"

_PARAMETERS = ("since", "until", "labels")
_HINT = "Is PostgreSQL running, and HYDROSIGHT_DATABASE_URL right? Try: hydrosight-cloud db status"
_PORTION_ROWS = 2000


class TimescaleSource:
    """A machine's windows at the centre. Their samples are means over grid steps, NaN where there is a gap."""

    layout = "windows at the centre (TimescaleDB or PostgreSQL)"

    def __init__(self, address: str, options: ReadOptions) -> None:
        self.path = Path(address)
        machine, _, query = address.removeprefix(SCHEME).partition("?")
        parameters = dict(parse_qsl(query))
        if unknown := sorted(set(parameters) - set(_PARAMETERS)):
            raise ConfigurationError(
                f"{address}: there is no {', '.join(unknown)}", hint=f"What can be said is {', '.join(_PARAMETERS)}."
            )
        self._machine = machine or options.equipment or (options.machine.name if options.machine else "")
        self._span = {name: _time(address, parameters.get(name)) for name in ("since", "until")}
        beside = parameters.get("labels")
        self._labels = options.labels or (Path(beside) if beside else None)
        self._local = options.local

    @cached_property
    def size(self) -> int:
        """Windows in the span.

        Raises:
            RecordingError: there is none.
        """
        with self._connection() as connection:
            (count,) = connection.execute(self._queries["window_count"], self._asked).fetchone() or (0,)
            if not count:
                names = [name for (name,) in connection.execute(self._queries["window_machines"])]
                raise RecordingError(
                    f"{self.path}: the centre has no window of {self._machine!r} in this span of time",
                    hint=f"It has windows of {', '.join(names) or 'no machine yet'}: name one after {SCHEME}",
                )
        return int(count)

    def portions(self) -> Iterator[Portion]:
        """The readings, some windows at a time."""
        if not self.size:
            return
        done, rows, start = 0, list[tuple[datetime, str, int, Any]](), None
        with self._connection() as connection, connection.cursor("windows", binary=True) as cursor:
            cursor.itersize = _PORTION_ROWS
            cursor.execute(self._queries["window_signals"], self._asked)
            for row in cursor:
                if row[0] != start:
                    if len(rows) >= _PORTION_ROWS:
                        yield Portion(_series(rows), done)
                        rows = []
                    start, done = row[0], done + 1
                rows.append(row)
            yield Portion(_series(rows), done)

    def labels(self) -> tuple[LabelRow, ...]:
        """Those of the CSV file that the address or the options name, else what people have said at the centre.

        Of the latter a row is a window, with the last word about each condition.
        """
        if self._labels is not None:
            return read_csv_labels(self._labels, self._local, self._machine)
        with self._connection() as connection:
            said = connection.execute(self._queries["window_labels"], self._asked).fetchall()
        return tuple(
            LabelRow(microseconds(start), microseconds(end), {condition: level for _, _, condition, level in rows})
            for (start, end), rows in groupby(said, key=lambda row: (row[0], row[1]))
        )

    @property
    def _asked(self) -> dict[str, object]:
        return {"machine": self._machine, **self._span}

    @cached_property
    def _queries(self) -> Mapping[str, bytes]:
        from cloud_sync.cloud.store.queries import load_queries

        return load_queries("training.sql")

    @contextmanager
    def _connection(self) -> "Iterator[psycopg.Connection]":
        try:
            import psycopg

            from cloud_sync.cloud.settings import load_settings
            from cloud_sync.cloud.store.arrays import register_float32_arrays
        except ImportError as error:
            raise ConfigurationError(
                f"{self.path}: the database's client isn't installed", hint="pip install 'hydrosight[cloud]'"
            ) from error
        settings = load_settings()
        try:
            with psycopg.connect(settings.connection_string(), connect_timeout=10) as connection:
                register_float32_arrays(connection)
                yield connection
        except psycopg.Error as error:
            first = str(error).partition("\n")[0]
            raise DatabaseError(f"{self.path}: the database failed: {first}", hint=_HINT) from error


def _series(rows: list[tuple[datetime, str, int, Any]]) -> dict[str, Series]:
    parts: dict[str, list[tuple[Int64Array, Any]]] = {}
    for start, sensor, step_us, samples in rows:
        times = microseconds(start) + step_us * np.arange(len(samples), dtype=np.int64)
        parts.setdefault(sensor, []).append((times, samples))
    return {
        sensor: Series.ordered(
            np.concatenate([times for times, _ in pieces]),
            np.concatenate([samples for _, samples in pieces]).astype(np.float64),
        )
        for sensor, pieces in parts.items()
        if sum(len(samples) for _, samples in pieces)
    }


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
