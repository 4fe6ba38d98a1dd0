"""What people found out about machines, in the database."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated

import psycopg
from psycopg.rows import class_row
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from cloud_sync.cloud.store.fields import Moment, PlainText
from cloud_sync.cloud.store.fleet import machine_of
from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.errors import RefusedError

_QUERIES = load_queries("labels.sql")

Text = Annotated[PlainText, StringConstraints(min_length=1, max_length=64)]


class Finding(BaseModel):
    """What somebody says of a condition over a span of time.

    Attributes:
        condition: as the machine file names it, such as "valve".
        level: label of one of its levels; null takes back what was said of this time before.
        start, end: the span, end exclusive. Windows that lie within it are labelled.
        note: how it was found: an inspection, a part that was changed.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "condition": "valve",
                    "level": "80",
                    "start": "2026-03-01T08:00:00Z",
                    "end": "2026-03-01T12:00:00Z",
                    "note": "spool measured",
                }
            ]
        },
    )

    condition: Text
    level: Text | None
    start: Moment
    end: Moment
    note: Annotated[PlainText, Field(max_length=2000)] = ""

    @model_validator(mode="after")
    def _has_length(self) -> "Finding":
        if self.end <= self.start:
            raise ValueError("end must lie after start")
        return self


@dataclass(frozen=True, slots=True)
class Diagnosed:
    """The diagnosis that a finding is about: what which model said of the window from `diagnosis_start` on."""

    diagnosis_start: datetime | None = None
    diagnosed_level: str | None = None
    model_name: str | None = None
    model_version: str | None = None


NO_DIAGNOSIS = Diagnosed()


class Label(BaseModel):
    """A finding as it was noted: by whom and when.

    Attributes:
        diagnosis_start: start of the window whose diagnosis it is about; null where it is about none.
        diagnosed_level: what the model saw there; null where it abstained.
        model_name: the model.
        model_version: its version.
    """

    id: int
    condition: str
    level: str | None
    start: datetime
    end: datetime
    said_by: str
    said_at: datetime
    note: str
    diagnosis_start: datetime | None = None
    diagnosed_level: str | None = None
    model_name: str | None = None
    model_version: str | None = None


async def add_label(
    connection: psycopg.AsyncConnection,
    machine: str,
    machine_file: str,
    finding: Finding,
    said_by: str,
    about: Diagnosed = NO_DIAGNOSIS,
) -> Label:
    """Note a finding about a machine.

    Args:
        connection: in a transaction.
        machine: its name.
        machine_file: its text; what it has no conditions in can't be checked.
        finding: what is said.
        said_by: who says it.
        about: the diagnosis that it confirms or corrects.

    Raises:
        RefusedError: the machine has no such condition, or the condition no such level (422).
    """
    _check(machine, machine_file, finding)
    said = finding.model_dump() | asdict(about)
    row = await (
        await connection.execute(_QUERIES["insert"], {"machine": machine, "said_by": said_by, **said})
    ).fetchone()
    assert row is not None  # noqa: S101  RETURNING
    return Label(id=row[0], said_at=row[1], said_by=said_by, **said)


async def newest_labels(
    connection: psycopg.AsyncConnection, machine: str, *, limit: int, before: int | None = None
) -> list[Label]:
    """What was said of a machine, the last first."""
    async with connection.cursor(row_factory=class_row(Label)) as cursor:
        await cursor.execute(_QUERIES["newest"], {"machine": machine, "limit": limit, "before": before})
        return await cursor.fetchall()


def _check(machine: str, machine_file: str, finding: Finding) -> None:
    known = machine_of(machine, machine_file)
    if known is None:
        return
    levels = {item.name: [str(level.label) for level in item.levels] for item in known.conditions}
    if finding.condition not in levels:
        raise RefusedError(
            f"machine {machine!r} has no condition {finding.condition!r}",
            status=422,
            hint=f"Its machine file has: {', '.join(levels) or 'none'}.",
        )
    if finding.level is not None and finding.level not in levels[finding.condition]:
        raise RefusedError(
            f"{finding.condition!r} has no level {finding.level!r}",
            status=422,
            hint=f"Its levels are: {', '.join(levels[finding.condition])}.",
        )
