"""`hydrosight-cloud label`: what technicians found out about machines, for training to learn from."""

from datetime import datetime
from typing import Annotated

import psycopg
import typer
from pydantic import ValidationError

from cloud_sync.cloud.cli.listing import show_list
from cloud_sync.cloud.cli.moment import HELP, moment
from cloud_sync.cloud.cli.session import ConfigOption, JsonOption, in_transaction, this_account
from cloud_sync.cloud.store.fleet import machine_file
from cloud_sync.cloud.store.labels import Finding, Label, add_label, newest_labels
from edge_runtime.errors import ConfigurationError

app = typer.Typer(help="What technicians found out about machines, for training to learn from.", no_args_is_help=True)

Machine = Annotated[str, typer.Argument(help="Name of the machine.", show_default=False)]


@app.command()
def add(  # noqa: PLR0917 - options, given by name
    machine: Machine,
    condition: Annotated[str, typer.Argument(help="Condition of its machine file, such as valve.")],
    level: Annotated[str, typer.Argument(help='What it really was, such as 80; "none" takes back what was said.')],
    start: Annotated[datetime, typer.Option(help=f"From when: {HELP}.", parser=moment, metavar="TIME")],
    end: Annotated[datetime, typer.Option(help="Until when, exclusive.", parser=moment, metavar="TIME")],
    note: Annotated[str, typer.Option(help="How it was found.")] = "",
    by: Annotated[str | None, typer.Option(help="Who says so. Default: this account and host.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what CONDITION of MACHINE really was, from --start to --end. What is said last counts.

    Example: `hydrosight-cloud label add press-7 valve 80 --start 2026-03-01T08:00
    --end 2026-03-01T12:00 --note inspected`
    """
    try:
        finding = Finding(
            condition=condition, level=None if level == "none" else level, start=start, end=end, note=note
        )
    except ValidationError as error:
        raise ConfigurationError(
            "; ".join(fault["msg"].removeprefix("Value error, ") for fault in error.errors()),
            hint="See: hydrosight-cloud label add --help",
        ) from error

    async def do(connection: psycopg.AsyncConnection) -> Label:
        text = await machine_file(connection, machine)
        return await add_label(connection, machine, text, finding, by or this_account())

    label = in_transaction(config, do)
    typer.echo(label.model_dump_json() if as_json else f"Noted as {label.id}. Training reads it with the windows.")


@app.command("list")
def show(
    machine: Machine,
    limit: Annotated[int, typer.Option(help="At most this many.", min=1, max=1000)] = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was said of MACHINE's conditions, the last first.

    Example: `hydrosight-cloud label list press-7 --limit 20`
    """

    async def do(connection: psycopg.AsyncConnection) -> list[Label]:
        await machine_file(connection, machine)
        return await newest_labels(connection, machine, limit=limit)

    labels = in_transaction(config, do)
    show_list(
        labels,
        ("id", "condition", "level", "from (UTC)", "to", "by", "note"),
        lambda label: (
            str(label.id),
            label.condition,
            label.level or "taken back",
            f"{label.start:%Y-%m-%d %H:%M}",
            f"{label.end:%Y-%m-%d %H:%M}",
            label.said_by,
            label.note,
        ),
        nothing=f"Nothing was said of {machine} yet. Say what you found: hydrosight-cloud label add --help",
        as_json=as_json,
    )
