"""`hydrosight-cloud label confirm | correct | agreement`: what technicians say of the model's diagnoses."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from cloud_sync.cloud.cli.labels import Machine
from cloud_sync.cloud.cli.listing import show_list
from cloud_sync.cloud.cli.moment import moment
from cloud_sync.cloud.cli.session import ConfigOption, JsonOption, in_transaction, this_account
from cloud_sync.cloud.store.fleet import machine_file
from cloud_sync.cloud.store.labels import Label
from cloud_sync.cloud.store.verdicts import Agreement, Verdict, add_verdict, read_agreement

WindowStart = Annotated[
    datetime,
    typer.Argument(help="As `hydrosight-cloud diagnoses MACHINE` shows it; UTC, unless it says a zone.", parser=moment),
]
Condition = Annotated[str, typer.Argument(help="Condition of its machine file, such as valve.")]
Note = Annotated[str, typer.Option(help="How it was found.")]
By = Annotated[str | None, typer.Option(help="Who says so. Default: this account and host.")]


def confirm(
    machine: Machine,
    window_start: WindowStart,
    condition: Condition,
    note: Note = "",
    by: By = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that the diagnosis of the window from WINDOW_START on is right about CONDITION.

    Example: `hydrosight-cloud label confirm press-7 2026-03-01T08:00 valve --note inspected`
    """
    _judge(machine, window_start, Verdict(condition=condition, note=note), by, config, as_json=as_json)


def correct(
    machine: Machine,
    window_start: WindowStart,
    condition: Condition,
    level: Annotated[str, typer.Argument(help="What it really was, such as 80.")],
    note: Note = "",
    by: By = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what CONDITION really was in the window from WINDOW_START on.

    Example: `hydrosight-cloud label correct press-7 2026-03-01T08:00 valve 80`
    """
    _judge(machine, window_start, Verdict(condition=condition, level=level, note=note), by, config, as_json=as_json)


def agreement(
    machine: Annotated[str | None, typer.Argument(help="Only of this machine. Default: all.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how often people saw what the model saw, by model and condition.

    Example: `hydrosight-cloud label agreement press-7`
    """

    async def do(connection: psycopg.AsyncConnection) -> list[Agreement]:
        if machine is not None:
            await machine_file(connection, machine)
        return await read_agreement(connection, machine)

    show_list(
        in_transaction(config, do),
        ("model", "version", "condition", "verdicts", "confirmed", "corrected", "abstained"),
        lambda item: (
            *(item.model_name, item.model_version, item.condition),
            *map(str, (item.verdicts, item.confirmed, item.corrected, item.abstained)),
        ),
        nothing="No diagnosis was confirmed or corrected yet: hydrosight-cloud label confirm --help",
        as_json=as_json,
    )


def _judge(
    machine: str, window_start: datetime, verdict: Verdict, by: str | None, config: Path | None, *, as_json: bool
) -> None:
    async def do(connection: psycopg.AsyncConnection) -> Label:
        text = await machine_file(connection, machine)
        return await add_verdict(connection, machine, text, window_start, verdict, by or this_account())

    label = in_transaction(config, do)
    if as_json:
        typer.echo(label.model_dump_json())
        return
    seen = label.diagnosed_level or "nothing"
    typer.echo(f"Noted as {label.id}: {label.condition} was {label.level}, the model saw {seen}.")
