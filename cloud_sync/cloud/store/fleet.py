"""What the centre knows of each machine, read from the database."""

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.errors import ConfigurationError, RefusedError
from edge_runtime.machine import Machine
from edge_runtime.yaml_file import YamlText

_QUERIES = load_queries("read.sql")


@dataclass(frozen=True, slots=True)
class MachineStatus:
    """One machine at a glance.

    Attributes:
        tenant: whose it is.
        agent: id of its box; None when it has none enrolled.
        last_seen: when the box, or one before it, last handed over a batch, by the database's clock.
        lag_s: how far the end of the newest diagnosed window lies behind now, seconds.
        standing_alerts: raised and not cleared.
        clock_state: how far the box trusts its clock: synced, bounded or suspect; None when it doesn't say.
        clock_offset_s: how far its clock was ahead of the database's with its last batch, seconds; negative behind.
        misdated: windows and diagnoses that were set apart, because their time can't be right.
    """

    machine: str
    tenant: str
    agent: str | None
    agent_version: str | None
    last_seen: datetime | None
    model_version: str | None
    overall_health: float | None
    diagnosed_until: datetime | None
    standing_alerts: int
    lag_s: float | None
    clock_state: str | None
    clock_offset_s: float | None
    misdated: int


async def read_fleet(
    connection: psycopg.AsyncConnection,
    machine: str | None = None,
    *,
    after: str | None = None,
    limit: int | None = None,
) -> list[MachineStatus]:
    """All machines, by name, or the one of that name; or `limit` of them, from the first `after` that name on."""
    async with connection.cursor(row_factory=class_row(MachineStatus)) as cursor:
        await cursor.execute(_QUERIES["fleet"], {"machine": machine, "after": after, "limit": limit})
        return await cursor.fetchall()


async def machine_file(connection: psycopg.AsyncConnection, machine: str) -> str:
    """The machine file as its box brought it; empty until one has.

    Raises:
        RefusedError: there is no such machine (404).
    """
    row = await (await connection.execute(_QUERIES["machine_file"], {"machine": machine})).fetchone()
    if row is None:
        raise RefusedError(
            f"there is no machine {machine!r}", status=404, hint="See: GET /api/v1/machines, or hydrosight-cloud fleet"
        )
    return str(row[0])


def machine_of(name: str, text: str) -> Machine | None:
    """The machine that a stored machine file describes; None where its box brought none, or one of another version."""
    try:
        return YamlText.parse(text, f"machine file of {name}").validated(Machine)
    except ConfigurationError:
        return None
