"""How every command of `hydrosight` speaks: tables for people, JSON for scripts, errors with a hint."""

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.table import Table

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

    Says `empty` when there are no rows.
    """
    if not rows:
        console.print(f"[dim]{empty}[/]")
        return
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for heading, justify in columns:
        table.add_column(heading, justify="right" if justify == "right" else "left", no_wrap=justify != "wrap")
    for row in rows:
        table.add_row(*row)
    console.print(table)


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
