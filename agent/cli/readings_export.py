"""`hydrosight readings export`: any period out of the store, as a recording or as text."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.output import (
    DEFAULT,
    ConfigOption,
    JsonOption,
    console,
    print_json,
    reported_errors,
    settings_from,
    size_text,
    time_text,
)
from agent.cli.progress import progress_through
from agent.cli.store_access import open_store
from agent.csv_writer import CsvWriter
from agent.store.reader import StoreReader, box_clock_us
from edge_runtime.errors import ConfigurationError, RecordingError
from edge_runtime.machine_file import load_machine
from edge_runtime.moment import HELP, parse_moment
from edge_runtime.recording_writer import RecordingWriter
from edge_runtime.thinned import filled


class Form(StrEnum):
    """What an export is written as."""

    PARQUET = "parquet"
    CSV = "csv"


_WRITERS: dict[Form, type[RecordingWriter] | type[CsvWriter]] = {Form.PARQUET: RecordingWriter, Form.CSV: CsvWriter}


def export(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write; made if there is none.")],
    since: Annotated[
        str | None, typer.Option("--since", "--from", help=f"First moment: {HELP}. Default: the oldest.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", "--to", help="First moment after, written likewise. Default: to the newest."),
    ] = None,
    sensor: Annotated[list[str] | None, typer.Option(help="Only this sensor; may be repeated. Default: all.")] = None,
    form: Annotated[
        Form, typer.Option("--format", help="parquet: a recording (signals.parquet); csv: signals.csv.")
    ] = Form.PARQUET,
    quality: Annotated[bool, typer.Option("--quality", help="Add the columns quality and reason.")] = False,
    as_stored: Annotated[
        bool, typer.Option("--as-stored", help="Thinned seconds as mean, smallest, largest; adds --quality's columns.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an export that is there.")] = False,
    config: ConfigOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Write the readings of a period to a folder, while the agent runs. Values of bad quality are left out (NaN).

    A recording is what `hydrosight diagnose`, the simulator and the training take. Ends with 1 when there is no reading
    in the period.

    Example: `hydrosight readings export --since -2h --output last-two-hours`
    """
    with reported_errors():
        _check_sensors(sensor, config)
        writer = _WRITERS[form](output, with_quality=quality or as_stored)
        if writer.file.exists() and not force:
            raise ConfigurationError(f"{writer.file}: exists already", hint="Name another folder, or add --force.")
        with open_store(config) as store:
            start_us, end_us = _period(store, since, until)
            with writer, progress_through("exporting", start_us, end_us) as reached:
                for done_us, series in store.portions(start_us, end_us):
                    chosen = {name: one for name, one in series.items() if not sensor or name in sensor}
                    writer.write(chosen if as_stored else {name: filled(one) for name, one in chosen.items()})
                    reached(done_us)
        if not writer.readings:
            raise RecordingError(
                f"no reading from {time_text(start_us)} to {time_text(end_us)} UTC; nothing was written",
                hint="`hydrosight buffer` shows from when to when there are readings.",
            )
        size = writer.file.stat().st_size
        if as_json:
            print_json({"file": str(writer.file), "readings": writer.readings, "bytes": size})
        else:
            console.print(f"{writer.readings:,} readings, {size_text(size)}: {writer.file}", soft_wrap=True)


def _check_sensors(sensors: list[str] | None, config: Path) -> None:
    machine = load_machine(settings_from(config).machine)
    unknown = sorted(set(sensors or ()) - set(machine.sensor_index))
    if unknown:
        raise ConfigurationError(
            f"machine {machine.name} has no sensor {', '.join(unknown)}",
            hint=f"It has {', '.join(machine.sensor_index)}.",
        )


def _period(store: StoreReader, since: str | None, until: str | None) -> tuple[int, int]:
    """First moment, and first after; what isn't given is where the readings in the store begin or end."""
    held, now_us = store.statistics(), box_clock_us()
    start_us = parse_moment(since, now_us) if since else held.oldest_us or 0
    end_us = parse_moment(until, now_us) if until else max((held.newest_us or 0) + 1, start_us + 1)
    if start_us >= end_us:
        raise ConfigurationError(
            f"{time_text(start_us)} isn't before {time_text(end_us)}", hint=f"Write --since and --until as {HELP}."
        )
    return start_us, end_us
