"""`hydrosight-train import`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from edge_runtime.machine_file import load_machine
from training.cli.options import AsJson, Dates, Equipment, Labels, OptionalMachineFile, SourceAddress, Timezone
from training.cli.output import console, notes, say
from training.sources.csv_times import LocalTimes
from training.sources.open_source import open_source
from training.sources.source import ReadOptions, import_source


def import_recording(
    source: SourceAddress,
    output: Annotated[Path, typer.Option(help="Folder of the recording; made if it isn't there.")],
    machine: OptionalMachineFile = None,
    equipment: Equipment = None,
    timezone: Timezone = None,
    dates: Dates = None,
    labels: Labels = None,
    as_json: AsJson = False,
) -> None:
    """Make a recording of CSV files, of windows at the centre, or of the ZeMA rig's text files.

    It is read and written portion by portion, so it may be larger than memory. A recording that OUTPUT held is
    replaced once the new one is whole.

    A CSV file has `timestamp` and a column a sensor, with its unit in brackets where it isn't the machine's
    (`PS1 [psi]`), and `equipment_id` where it holds several machines. Or it has `time`, `sensor`, `value`. Beside it,
    `labels.csv` has `start`, `end` and a column a condition.

    Example: `hydrosight-train import docs/example --machine docs/example/machine.yaml --output runs/example`
    """
    options = ReadOptions(load_machine(machine) if machine else None, equipment, LocalTimes(timezone, dates), labels)
    opened = open_source(source, options)
    say(f"reading {opened.path}: {opened.layout}")
    columns = (TextColumn("Importing"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as progress:
        task = progress.add_task("", total=opened.size)
        readings = import_source(opened, output, lambda done: progress.update(task, completed=done))
    if as_json:
        result = {"recording": str(output), "readings": readings, "label_rows": len(opened.labels())}
        sys.stdout.write(json.dumps(result) + "\n")
        return
    text = f"Recording: {output}, {readings:,} readings, {len(opened.labels()):,} label rows"
    console.print(escape(text), highlight=False, soft_wrap=True)
    if sys.stdout.isatty():
        say(f"Look at it: hydrosight-train check {output} --machine FILE")
