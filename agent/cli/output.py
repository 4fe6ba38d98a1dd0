"""How every command of `hydrosight` speaks: tables for people, JSON for scripts, errors with a hint."""

import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from agent.settings import DEFAULT_CONFIG, AgentSettings, load_settings
from edge_runtime.errors import HydrosightError
from edge_runtime.utc import utc_datetime
from edge_runtime.vocabulary import Ne107State

console = Console(highlight=False, emoji=False)
error_console = Console(stderr=True, highlight=False, emoji=False)

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="HYDROSIGHT_CONFIG", help="The agent's settings (YAML).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of tables.")]
DEFAULT = DEFAULT_CONFIG
_GAP, _ENDLESS = 2, 10_000
_READABLE = 16
"""Text in a narrower column is hard to read."""

STATE_STYLE = {
    Ne107State.NORMAL: "green",
    Ne107State.MAINTENANCE_REQUIRED: "cyan",
    Ne107State.OUT_OF_SPECIFICATION: "yellow",
    Ne107State.CHECK_FUNCTION: "dark_orange",
    Ne107State.FAILURE: "bold red",
}


@contextmanager
def reported_errors() -> Iterator[None]:
    """Turn an error of Hydrosight into a message, its hint and the right exit code."""
    try:
        yield
    except HydrosightError as error:
        error_console.print(f"[bold red]error:[/] {_plain(str(error))}", soft_wrap=True)
        if error.hint:
            error_console.print(f"[dim]hint:[/]  {_plain(error.hint)}", soft_wrap=True)
        raise typer.Exit(error.exit_code) from error


def settings_from(config: Path) -> AgentSettings:
    """The settings a command works on."""
    return load_settings(config)


def print_json(document: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")


def print_table(title: str, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]], empty: str) -> None:
    """A table; columns are (heading, "left", "right" or "wrap"): only the last kind may break its lines.

    Says `empty` when there are no rows. Where the terminal leaves the last kind too little room, it goes below its row.
    In a file or a pipe each row is a line.
    """
    if not rows:
        console.print(f"[dim]{empty}[/]")
        return
    widths = [max(map(_width, cells)) for cells in zip((heading for heading, _ in columns), *rows, strict=True)]
    wrapped = [number for number, (_, kind) in enumerate(columns) if kind == "wrap"]
    wanted = sum(min(width, _READABLE) if number in wrapped else width for number, width in enumerate(widths))
    ends = console.is_terminal or "COLUMNS" in os.environ
    if not ends or wanted + _GAP * (len(columns) - 1) <= console.width:
        table = _table(columns, None, title)
        for row in rows:
            table.add_row(*row)
        (console if ends else Console(highlight=False, emoji=False, width=_ENDLESS)).print(table)
        return
    beside = [number for number in range(len(columns)) if number not in wrapped]
    kept, widths = [columns[number] for number in beside], [widths[number] for number in beside]
    console.print(_table(kept, widths, title))
    for row in rows:
        line = _table(kept, widths)
        line.show_header = False
        line.add_row(*(row[number] for number in beside))
        console.print(line)
        for number in wrapped:
            if row[number]:
                console.print(Padding(f"[dim]{columns[number][0]}:[/] {row[number]}", (0, 0, 0, _GAP)))


def _table(columns: Sequence[tuple[str, str]], widths: Sequence[int] | None, title: str | None = None) -> Table:
    """A table without rows; its columns are as wide as said, or as their cells need."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for number, (heading, kind) in enumerate(columns):
        table.add_column(
            heading,
            justify="right" if kind == "right" else "left",
            no_wrap=kind != "wrap",
            overflow="fold",  # a path that is cut short can't be found
            width=widths[number] if widths else None,
        )
    return table


def _width(cell: str) -> int:
    return max(map(cell_len, Text.from_markup(cell).plain.split("\n")))


def state_text(state: Ne107State) -> str:
    """An NE 107 state in its colour."""
    return f"[{STATE_STYLE[state]}]{state.value.replace('_', ' ')}[/]"


def be_quiet() -> None:
    """Commands speak for themselves; of the library's log only warnings are shown, on standard error."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def time_text(time_us: int | None) -> str:
    """UTC, to the second; a dash when there is none."""
    return "–" if time_us is None else f"{utc_datetime(time_us):%Y-%m-%d %H:%M:%S}"


def size_text(size: float) -> str:
    """Bytes in a unit that a person reads."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def percent(value: float | None) -> str:
    """A share of one as a percentage; a dash when there is none."""
    return "–" if value is None else f"{value:.0%}"


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
