"""`hydrosight-cloud export`: machines' windows and labels, as recordings to train with."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from pydantic import BaseModel
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from cloud_sync.cloud.cli.listing import show_list
from cloud_sync.cloud.cli.moment import HELP, moment
from cloud_sync.cloud.cli.session import ConfigOption, JsonOption
from cloud_sync.cloud.export.recording import ExportRecord, Reached, export_machine, finished_export
from cloud_sync.cloud.export.stored_windows import WindowSpan, machines_with_windows, unknown_sensors, window_bounds
from cloud_sync.cloud.settings import load_settings
from cloud_sync.cloud.store.snapshot import snapshot
from edge_runtime.errors import ConfigurationError, RecordingError

_notes = Console(stderr=True)


class Exported(BaseModel):
    """One machine's recording, and whether an earlier run had written it."""

    folder: Path
    bytes: int
    kept: bool
    holds: ExportRecord


def export(
    machines: Annotated[
        list[str] | None, typer.Argument(help="Names of the machines. Default: all that have windows.")
    ] = None,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder that gets a recording, a folder, for each machine.")
    ],
    since: Annotated[
        datetime | None,
        typer.Option(help=f"First moment: {HELP}. Default: the oldest.", parser=moment, metavar="TIME"),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            help="First moment after, written likewise. Default: to the newest.", parser=moment, metavar="TIME"
        ),
    ] = None,
    sensor: Annotated[list[str] | None, typer.Option(help="Only this sensor; may be repeated. Default: all.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace recordings that are there.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after an interruption: keep recordings of the same export.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write what boxes have sent, and what people found, as recordings: OUTPUT/MACHINE/signals.parquet and so on.

    Training, the simulator and `hydrosight diagnose` take them. It streams, so a year takes no more memory than a day;
    a recording has its name once it is whole. Gaps stay gaps. Ends with 1 when a machine has no window in that time.

    Example: `hydrosight-cloud export press-7 --since 2026-03-01 --until 2026-04-01 --output recordings`,
    then `hydrosight-train check recordings/press-7 --machine recordings/press-7/machine.yaml`
    """
    if since is not None and until is not None and since >= until:
        raise ConfigurationError(f"{since} isn't before {until}", hint="See: hydrosight-cloud export --help")
    sensors = tuple(sorted(set(sensor))) if sensor else None
    with snapshot(load_settings(config)) as connection:
        spans = [
            WindowSpan(machine, since, until, sensors) for machine in _chosen(connection, machines or (), sensor or ())
        ]
        done = [
            item
            for span in spans
            if (item := _export_one(connection, span, output / span.machine, force=force, resume=resume)) is not None
        ]
    missing = sorted(set(machines or ()) - {item.holds.machine for item in done})
    show_list(
        done,
        ("machine", "readings", "windows", "labelled", "size", "recording"),
        lambda item: (
            item.holds.machine,
            f"{item.holds.readings:,}",
            f"{item.holds.windows:,}",
            f"{item.holds.label_rows:,}",
            f"{item.bytes / 1e6:,.1f} MB",
            f"{item.folder}{' (kept)' if item.kept else ''}",
        ),
        nothing="Nothing was written.",
        as_json=as_json,
    )
    if missing or not done:
        raise RecordingError(
            f"no window of {', '.join(missing) or 'any machine'} in this span of time",
            hint="What there is: hydrosight-cloud fleet. Times are UTC unless they say a zone.",
        )


def _chosen(connection: psycopg.Connection, machines: Sequence[str], sensors: Sequence[str]) -> list[str]:
    """The machines asked for, or all that have windows; sorted.

    Raises:
        ConfigurationError: none of them has such a sensor, or there is no such machine.
    """
    known = machines_with_windows(connection)
    if unknown := sorted(set(machines) - set(known)):
        raise ConfigurationError(
            f"the centre has no window of {', '.join(unknown)}", hint=f"It has windows of {', '.join(known) or 'none'}."
        )
    chosen = sorted(set(machines)) or known
    if sensors and (unknown := unknown_sensors(connection, chosen, sensors)):
        raise ConfigurationError(
            f"no window of {', '.join(chosen)} has a sensor {', '.join(unknown)}",
            hint="Its machine file names them: GET /api/v1/machines/MACHINE/components.",
        )
    return chosen


def _export_one(
    connection: psycopg.Connection, span: WindowSpan, folder: Path, *, force: bool, resume: bool
) -> Exported | None:
    if folder.exists() and not force:
        holds = finished_export(folder)
        if not resume or holds is None or not holds.answers(span):
            raise ConfigurationError(
                f"{folder}: exists already" + (", and is another export" if resume else ""),
                hint="Name another --output, or add --force to replace it"
                + ("." if resume else ", --resume to keep what an interrupted export has finished."),
            )
        return Exported(folder=folder, bytes=_size(folder), kept=True, holds=holds)
    bounds = window_bounds(connection, span)
    if bounds is None:
        return None
    with _progress(span.machine, *bounds) as report:
        written = export_machine(connection, span, folder, report)
    return None if written is None else Exported(folder=folder, bytes=_size(folder), kept=False, holds=written)


@contextmanager
def _progress(machine: str, first: datetime, last: datetime) -> "Iterator[Callable[[Reached], None]]":
    """A bar through the machine's time, with readings and rate, on standard error, if that is a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[written]}"),
        TimeRemainingColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_notes, transient=True, disable=not _notes.is_terminal) as progress:
        task = progress.add_task(machine, total=(last - first).total_seconds() or 1.0, written="")

        def report(reached: Reached) -> None:
            elapsed = progress.tasks[task].elapsed or 0.0
            rate = f", {reached.readings / elapsed:,.0f}/s" if elapsed else ""
            seconds = (reached.time - first).total_seconds()
            progress.update(task, completed=seconds, written=f"{reached.readings:,} readings{rate}")

        yield report


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())
