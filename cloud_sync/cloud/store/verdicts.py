"""What people say of diagnoses: that they are right, or what is. Each verdict is a label of the diagnosed window."""

from datetime import datetime
from typing import Annotated

import psycopg
from psycopg.rows import class_row
from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.cloud.store.fields import PlainText
from cloud_sync.cloud.store.fleet import machine_of
from cloud_sync.cloud.store.labels import Diagnosed, Finding, Label, Text, add_label
from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.diagnosis import ComponentDiagnosis, Diagnosis
from edge_runtime.errors import RefusedError

_QUERIES = load_queries("labels.sql")


class Verdict(BaseModel):
    """What somebody says of a diagnosis.

    Attributes:
        condition: as the machine file names it.
        level: what it really was; null confirms the level that was diagnosed.
        note: how it was found.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: Text
    level: Text | None = None
    note: Annotated[PlainText, Field(max_length=2000)] = ""


class Agreement(BaseModel):
    """How often people saw what a model saw of a condition.

    Attributes:
        verdicts: diagnoses that somebody has judged: confirmed, corrected, or said the level of where it `abstained`.
    """

    model_name: str
    model_version: str
    condition: str
    verdicts: int
    confirmed: int
    corrected: int
    abstained: int


async def add_verdict(
    connection: psycopg.AsyncConnection,
    machine: str,
    machine_file: str,
    window_start: datetime,
    verdict: Verdict,
    said_by: str,
) -> Label:
    """Confirm or correct the diagnosis of the window that begins at `window_start`.

    Args:
        connection: in a transaction.
        machine: its name.
        machine_file: its text.
        window_start: of the diagnosis.
        verdict: what is said.
        said_by: who says it.

    Raises:
        RefusedError: there is no such diagnosis (404), it doesn't speak of the condition, or abstained and there is
            nothing to confirm, or there is no such level (422).
    """
    asked = {"machine": machine, "start": window_start}
    row = await (await connection.execute(_QUERIES["diagnosis"], asked)).fetchone()
    if row is None:
        raise RefusedError(
            f"machine {machine!r} has no diagnosis of a window from {window_start.isoformat()} on",
            status=404,
            hint=f"GET /api/v1/machines/{machine}/diagnoses shows them: window_start.",
        )
    diagnosis = Diagnosis.model_validate_json(row[0])
    seen = _about(diagnosis, verdict.condition, machine_file)
    level = verdict.level or seen.level
    if level is None:
        raise RefusedError(
            f"the model abstained about {verdict.condition!r} there: there is nothing to confirm",
            status=422,
            hint="Say what it really was: its level.",
        )
    finding = Finding(condition=verdict.condition, level=level, start=window_start, end=row[1], note=verdict.note)
    about = Diagnosed(window_start, seen.level, diagnosis.model.name, diagnosis.model.version)
    return await add_label(connection, machine, machine_file, finding, said_by, about)


async def read_agreement(connection: psycopg.AsyncConnection, machine: str | None = None) -> list[Agreement]:
    """How often people and models agree, by model and condition, of one machine or all."""
    async with connection.cursor(row_factory=class_row(Agreement)) as cursor:
        await cursor.execute(_QUERIES["agreement"], {"machine": machine})
        return await cursor.fetchall()


def _about(diagnosis: Diagnosis, condition: str, machine_file: str) -> ComponentDiagnosis:
    """What a diagnosis says of a condition; where it doesn't name conditions, of the component that has it."""
    known = machine_of(diagnosis.machine, machine_file)
    where = {item.name: item.component for item in known.conditions} if known is not None else {}
    for component in diagnosis.components:
        if component.condition == condition or (
            component.condition is None and where.get(condition) == component.component
        ):
            return component
    named = [item.condition for item in diagnosis.components if item.condition]
    raise RefusedError(
        f"that diagnosis says nothing of {condition!r}",
        status=422,
        hint=f"It speaks of: {', '.join(named or where) or 'no condition'}.",
    )
