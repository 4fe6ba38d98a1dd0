"""What the database has to compare the versions of a roll-out by."""

from datetime import timedelta

import psycopg
from psycopg.rows import class_row
from pydantic import BaseModel

from cloud_sync.cloud.rollout.comparison import FIGURES, MachineFigures, VersionFigures, compared, verdict
from cloud_sync.cloud.rollout.plan import Rollout
from cloud_sync.cloud.store.queries import load_queries

_QUERIES = load_queries("comparison.sql")


class Comparison(BaseModel):
    """The versions that diagnosed of late, and what sets that of the roll-out apart from each other one.

    Canaries were picked by hand and are left out; the other machines came to their version by lot.

    Attributes:
        versions: in their order.
        verdicts: by other version and figure.
    """

    rollout: Rollout
    versions: list[VersionFigures]
    verdicts: dict[str, dict[str, str]]


async def compare(connection: psycopg.AsyncConnection, rollout: Rollout, span: timedelta) -> Comparison:
    """Compare a roll-out's version with the one it was set against, or with all others that ran meanwhile.

    `span`: how far to look back; not beyond when it was set up.
    """
    values = {
        "model": rollout.model,
        "since": rollout.created_at,
        "span": span,
        "left_out": list(rollout.canaries),
    }
    async with connection.cursor(row_factory=class_row(MachineFigures)) as cursor:
        await cursor.execute(_QUERIES["figures"], values)
        versions = compared(await cursor.fetchall())
    if rollout.against is not None:
        versions = [one for one in versions if one.version in {rollout.version, rollout.against}]
    ours = next((one for one in versions if one.version == rollout.version), None)
    verdicts = {
        other.version: {name: verdict(name, ours, other) for name in FIGURES}
        for other in versions
        if ours is not None and other is not ours
    }
    return Comparison(rollout=rollout, versions=versions, verdicts=verdicts)
