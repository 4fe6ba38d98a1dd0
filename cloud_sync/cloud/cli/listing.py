"""How the commands show a list: a table for people, JSON for scripts."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table

Item = TypeVar("Item")


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
    table = Table(*columns)
    for item in items:
        table.add_row(*row(item))
    Console(markup=False, emoji=False).print(table)  # a note with brackets in it is no markup
