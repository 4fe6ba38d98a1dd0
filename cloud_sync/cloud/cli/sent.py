"""`hydrosight-cloud diagnoses` and `alerts`: what the box of a machine has said of it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from cloud_sync.cloud.cli.labels import Machine
from cloud_sync.cloud.cli.listing import show_list
from cloud_sync.cloud.cli.moment import HELP, moment
from cloud_sync.cloud.cli.session import ConfigOption, JsonOption, in_transaction
from cloud_sync.cloud.store.documents import AlertDocument, ComponentDocument, DiagnosisDocument, read_document
from cloud_sync.cloud.store.fleet import machine_file
from cloud_sync.cloud.store.sent_documents import SentDocument, sent_alerts, sent_diagnoses
from edge_runtime.vocabulary import Ne107State

Limit = Annotated[int, typer.Option(help="At most this many, the last ones.", min=1, max=1000)]
Until = Annotated[datetime | None, typer.Option(help=f"Before then: {HELP}.", parser=moment, metavar="TIME")]


def diagnoses(
    machine: Machine,
    limit: Limit = 20,
    until: Until = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what MACHINE's box diagnosed, the last first, by the WINDOW_START that `label confirm` asks for.

    Example: `hydrosight-cloud diagnoses press-7 --limit 5`
    """
    _show(
        machine,
        lambda connection: sent_diagnoses(connection, machine, limit=limit, before=until),
        ("window start (UTC)", "health", "not normal", "model"),
        _diagnosis_cells,
        config,
        as_json=as_json,
    )


def alerts(
    machine: Machine,
    standing: Annotated[bool, typer.Option("--standing", help="Leave out those that are cleared.")] = False,
    limit: Limit = 20,
    until: Until = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the alerts about MACHINE, each as it stands, the last first.

    Example: `hydrosight-cloud alerts press-7 --standing`
    """
    _show(
        machine,
        lambda connection: sent_alerts(connection, machine, limit=limit, before=until, standing=standing),
        ("time (UTC)", "state", "component", "about", "severity", "message"),
        _alert_cells,
        config,
        as_json=as_json,
    )


def _show(
    machine: str,
    read: Callable[[psycopg.AsyncConnection], Awaitable[list[SentDocument]]],
    columns: Sequence[str],
    cells: Callable[[SentDocument], Sequence[str]],
    config: Path | None,
    *,
    as_json: bool,
) -> None:
    async def do(connection: psycopg.AsyncConnection) -> list[SentDocument]:
        await machine_file(connection, machine)
        return await read(connection)

    documents = in_transaction(config, do)
    if as_json:
        typer.echo(f"[{','.join(document.text for document in documents)}]")
        return
    show_list(documents, columns, cells, nothing=f"Nothing of {machine} then.", as_json=False)


def _diagnosis_cells(document: SentDocument) -> tuple[str, ...]:
    diagnosis, _ = read_document(document.text.encode(), DiagnosisDocument, "diagnosis")
    health = "–" if diagnosis.overall_health is None else f"{diagnosis.overall_health:.0%}"
    found = "; ".join(_component(one) for one in diagnosis.components if one.ne107 != Ne107State.NORMAL)
    model = f"{diagnosis.model.name} {diagnosis.model.version}"
    return f"{diagnosis.window_start:%Y-%m-%dT%H:%M:%S}", health, found or "–", model


def _component(one: ComponentDocument) -> str:
    if one.abstained or one.level is None:
        return f"{one.component}: not judged"
    return f"{one.component}: {one.level}, {_words(one.severity or one.ne107)}"


def _alert_cells(document: SentDocument) -> tuple[str, ...]:
    alert, _ = read_document(document.text.encode(), AlertDocument, "alert")
    time = f"{document.place:%Y-%m-%d %H:%M:%S}"
    return time, alert.state, alert.component, _words(alert.kind), _words(alert.severity), alert.message


def _words(name: str) -> str:
    return name.replace("_", " ")
