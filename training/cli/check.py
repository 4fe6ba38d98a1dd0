"""`hydrosight-train check`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from edge_runtime.machine_file import load_machine
from training.cli.options import AsJson, Dates, Equipment, Labels, MachineFile, SourceAddress, Timezone
from training.cli.output import console, say
from training.data_problems import Problem, Severity, class_problems, label_problems, signal_problems
from training.recording_summary import RecordingSummary, summarise
from training.sources.csv_times import LocalTimes
from training.sources.open_source import open_source
from training.sources.source import ReadOptions, read_source

_STYLE = {Severity.ERROR: "bold red", Severity.WARNING: "yellow"}


def check(
    recording: SourceAddress,
    machine: MachineFile,
    equipment: Equipment = None,
    timezone: Timezone = None,
    dates: Dates = None,
    labels: Labels = None,
    as_json: AsJson = False,
) -> None:
    """Show what is in a recording, and everything that is wrong with it as training data.

    Sensors with their rates and gaps, how many stable windows each level has, and the label columns that windows can
    be grouped by. Then each problem with its place and what to do. Exit code 1 if one of them stops training.

    Example: `hydrosight-train check configs/recordings/zema-sample --machine configs/machines/zema.yaml`
    """
    the_machine = load_machine(machine)
    source = open_source(recording, ReadOptions(the_machine, equipment, LocalTimes(timezone, dates), labels))
    say(f"reading {source.path}: {source.layout}")
    read = read_source(source)
    summary = summarise(the_machine, read)
    problems = (
        *signal_problems(the_machine, read),
        *label_problems(the_machine, read),
        *(class_problems(the_machine, read) if read.labels else ()),
    )
    if as_json:
        document = {"recording": asdict(summary), "problems": [asdict(problem) for problem in problems]}
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    else:
        _print(summary, problems)
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise typer.Exit(1)


def _print(summary: RecordingSummary, problems: Sequence[Problem]) -> None:
    console.print(_sensor_table(summary))
    if summary.stable_rows:
        console.print(_level_table(summary))
        groups = ", ".join(f"{name} ({count})" for name, count in summary.groups.items())
        console.print(f"Other label columns, to group by: {escape(groups) or 'none'}", highlight=False)
    for problem in problems:
        kind = f"[{_STYLE[problem.severity]}]{problem.severity}[/]"
        console.print(f"{kind} {escape(problem.where)}: {escape(problem.what)}", highlight=False, soft_wrap=True)
        console.print(f"  [bold]What to do:[/] {escape(problem.remedy)}", highlight=False, soft_wrap=True)
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    console.print(f"{_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}", highlight=False)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _sensor_table(summary: RecordingSummary) -> Table:
    table = Table(title="Sensors", title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column("sensor", no_wrap=True)
    for name in ("readings", "Hz", "gaps", "longest", "missing", "lowest", "median", "highest", "unit"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in summary.sensors:
        values = ("–" if value is None else f"{value:.5g}" for value in (one.low, one.median, one.high))
        rate = "–" if one.rate_hz is None else f"{one.rate_hz:g}"
        gap = f"{one.longest_gap_s:g} s" if one.gaps else "–"
        cells = (f"{one.readings:,}", rate, f"{one.gaps}", gap, f"{one.missing:.1%}", *values, one.unit)
        table.add_row(escape(one.sensor), *cells)
    return table


def _level_table(summary: RecordingSummary) -> Table:
    title = f"Windows: {summary.stable_rows} stable of {summary.label_rows}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column("condition", no_wrap=True)
    table.add_column("windows by level, healthy first")
    for condition, levels in summary.levels.items():
        table.add_row(escape(condition), escape("   ".join(f"{level}: {count}" for level, count in levels.items())))
    return table
