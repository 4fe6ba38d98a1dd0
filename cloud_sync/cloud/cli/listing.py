"""How the commands show a list: a table for people, JSON for scripts."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import typer
from pydantic_core import to_json
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

Item = TypeVar("Item")
_SHORT, _GAP, _ENDLESS = 16, 2, 10_000


def show_list(
    items: Sequence[Item], columns: Sequence[str], row: Callable[[Item], Sequence[str]], *, nothing: str, as_json: bool
) -> None:
    """Print the items, as JSON with all that is known of them.

    Args:
        items: models or dataclasses.
        columns: headings of the table.
        row: an item's cells.
        nothing: what people are told instead of an empty table.
        as_json: print JSON.
    """
    if as_json:
        typer.echo(to_json(items).decode())
        return
    if not items:
        typer.echo(nothing)
        return
    console().print(make_table(columns, [row(item) for item in items]))


def console() -> Console:
    """Takes names and notes for what they are: a bracket in one is no markup. Only on terminals do lines end."""
    ends = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(markup=False, emoji=False, highlight=False, width=None if ends else _ENDLESS)


def make_table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> Table:
    """On a narrow terminal cells go on in the next line: nothing is cut short, and no short word is broken."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    cells = zip(columns, *rows, strict=True)
    for column, width in zip(columns, _widths([list(map(str, column)) for column in cells]), strict=True):
        table.add_column(column, overflow="fold", width=width)
    for row in rows:
        table.add_row(*row)
    return table


def _widths(columns: Sequence[Sequence[str]]) -> list[int]:
    """As wide as the cells are, less what the terminal lacks: taken where words leave most room."""
    widths = [max(map(cell_len, cells)) for cells in columns]
    least = [min(_SHORT, max(map(cell_len, " ".join(cells).split(" ")))) for cells in columns]
    for _ in range(sum(widths) + _GAP * (len(widths) - 1) - console().width):
        spare = [width - needed for width, needed in zip(widths, least, strict=True)]
        if max(spare) > 0:
            widths[spare.index(max(spare))] -= 1
    return widths
