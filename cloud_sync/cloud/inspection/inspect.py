"""Everything that is looked at in a database, in the order in which it makes sense to read."""

from datetime import datetime

import psycopg

from cloud_sync.cloud.inspection.catalogue import check_catalogue
from cloud_sync.cloud.inspection.contents import check_contents
from cloud_sync.cloud.inspection.finding import Finding, Severity, failure, fine
from cloud_sync.cloud.inspection.server import check_server
from cloud_sync.cloud.store.migrate import SchemaStatus, migrations, schema_status


async def inspect_database(connection: psycopg.AsyncConnection, pool_size: int, now: datetime) -> list[Finding]:
    """Look at all of it. Changes nothing.

    Args:
        connection: in autocommit mode, as the role that the centre works as.
        pool_size: of the settings.
        now: this host's time.
    """
    schema = await schema_status(connection)
    found = [*await check_server(connection, pool_size, now), judge_schema(schema)]
    if found[-1].severity is Severity.FAILURE:
        return found  # what is missing would be named a second time, object by object
    found += await check_catalogue(connection)
    if any(finding.about in {"table", "column"} and finding.severity is Severity.FAILURE for finding in found):
        return found  # the rows can't be asked for
    return [*found, *await check_contents(connection, with_timescale=schema.hypertables is not None)]


def judge_schema(schema: SchemaStatus) -> Finding:
    """Whether the database has had this program's migrations, and no others."""
    newest = migrations()[-1].number
    if schema.ahead:
        return failure(
            "schema",
            f"the schema is at {schema.applied[-1]}, this program knows {newest}",
            "Upgrade hydrosight[cloud] here to the version that migrated the database.",
        )
    if schema.pending:
        names = ", ".join(f"{migration.number:04d}" for migration in schema.pending)
        return failure("schema", f"pending: {names}", "Run: hydrosight-cloud db migrate")
    return fine("schema", f"all {len(schema.applied)} migrations were applied")
