"""Whether the database has every object that a fresh migration makes, unaltered.

What should be there is not written down a second time: all migrations are applied to an empty schema, in a transaction
that is rolled back, and its catalogue is compared with the real one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

from cloud_sync.cloud.inspection.finding import Finding, failure, fine, some_of, warning
from cloud_sync.cloud.store.migrate import build_schema, lock_schema, schema_status
from cloud_sync.cloud.store.queries import load_queries

_QUERIES = load_queries("inspection.sql")
_MIGRATE = "Run: hydrosight-cloud db migrate"
_OF_TIMESCALE = {"hypertable", "columnstore", "aggregate", "policy"}
_OF_ISOLATION = {"row security", "row policy", "tenant view", "rights"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One object: `table` is the one that it belongs to, or is."""

    kind: str
    name: str
    table: str
    definition: str

    @property
    def title(self) -> str:
        """For people."""
        if self.kind == "rights":
            return f"rights of {self.name} on {self.table}"
        return f"{self.kind} {self.name}" + (f" of {self.table}" if self.table not in ("", self.name) else "")

    @property
    def removal(self) -> str:
        """What takes it away, so that the next migration makes it anew as it should be."""
        match self.kind:
            case "row policy":
                return f"DROP POLICY {self.name} ON {self.table}"
            case "rights":
                return f"REVOKE ALL ON {self.table} FROM {self.name}"
            case "tenant view":
                return f"DROP VIEW {self.name}"
        return f"ALTER TABLE {self.table} ENABLE ROW LEVEL SECURITY"

    @property
    def statement(self) -> str:
        """What makes it anew, where that is one statement."""
        match self.kind:
            case "index" | "function" | "trigger":
                return self.definition
            case "view":
                return f"CREATE VIEW {self.name} AS {self.definition}"
            case "column":
                return f"ALTER TABLE {self.table} ADD COLUMN {self.name} {self.definition}"
            case "constraint":
                return f"ALTER TABLE {self.table} ADD CONSTRAINT {self.name} {self.definition}"
        return ""


Catalogue = dict[tuple[str, str, str], Entry]


async def check_catalogue(connection: psycopg.AsyncConnection) -> list[Finding]:
    """Compare the schema with that of a fresh migration. `connection` is in autocommit mode; nothing is changed."""
    actual = await _catalogue(connection)
    try:
        expected = await _fresh_catalogue(connection)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction) as error:
        return [
            warning(
                "schema",
                f"can't be compared with a fresh one: {error.diag.message_primary}",
                "Run this as the role that owns the database, on the primary.",
            )
        ]
    found = list(differences(actual, expected))
    return found or [fine("schema", f"{len(expected)} objects are there as the migrations make them")]


def differences(actual: Catalogue, expected: Catalogue) -> Iterator[Finding]:
    """What `actual` lacks or has otherwise, and what was added to our tables. Of a table that is gone, only that."""
    whole = {"table", "tenant view"}
    gone = {entry.name for key, entry in expected.items() if entry.kind in whole and key not in actual}
    unguarded: list[str] = []
    for key, entry in expected.items():
        if entry.table in gone and entry.kind not in whole:
            continue
        if key not in actual and entry.kind in _OF_ISOLATION:
            unguarded.append(entry.title)
        elif key not in actual:
            yield _missing(entry)
        elif (there := actual[key].definition) != entry.definition:
            yield _altered(entry, there)
    if unguarded:
        yield failure("isolation", f"missing: {some_of(unguarded)}", _MIGRATE)
    ours = {entry.table for entry in expected.values()}
    for entry in (entry for key, entry in actual.items() if key not in expected and entry.table in ours):
        if entry.kind in {"row policy", "rights"}:
            yield failure(
                "isolation", f"{entry.title} isn't ours: {entry.definition}", f"Run in the database: {entry.removal}"
            )
        elif entry.kind in {"constraint", "trigger", "column"}:
            yield warning(
                entry.kind, f"{entry.title} isn't ours: {entry.definition}", "It may refuse or slow what boxes send."
            )


def _missing(entry: Entry) -> Finding:
    if entry.kind in _OF_TIMESCALE:
        remedy = f"Run in the database: {entry.definition}" if entry.kind == "policy" else _MIGRATE
        return warning(entry.kind, f"{entry.title} is missing", remedy)
    if entry.kind == "table":
        return failure("table", f"{entry.title} is missing", "Restore it from a backup: pg_restore --table, or all.")
    return failure(entry.kind, f"{entry.title} is missing", f"Run in the database: {entry.statement}")


def _altered(entry: Entry, there: str) -> Finding:
    found = f"{entry.title} is {there!r}, not {entry.definition!r}"
    if entry.kind in _OF_ISOLATION:
        remedy = f"Run in the database: {entry.removal}; then: hydrosight-cloud db migrate"
        return failure("isolation", found, remedy)
    if entry.kind in _OF_TIMESCALE:
        return warning(
            entry.kind, found, "On purpose? If not, set it back; sql/hypertables.sql and aggregates.sql show how."
        )
    return failure(entry.kind, found, "Somebody changed it by hand; change it back, after a backup.")


async def _fresh_catalogue(connection: psycopg.AsyncConnection) -> Catalogue:
    async with connection.transaction(force_rollback=True):
        await lock_schema(connection)
        await connection.execute(_QUERIES["begin_draft"])
        for (statement,) in await (await connection.execute(_QUERIES["step_aside"])).fetchall():
            await connection.execute(statement)
        await connection.execute(_QUERIES["enter_draft"])
        await build_schema(connection)
        return await _catalogue(connection)


async def _catalogue(connection: psycopg.AsyncConnection) -> Catalogue:
    queries = ["catalogue", "isolation_catalogue"]
    if (await schema_status(connection)).hypertables is not None:
        queries.append("timescale_catalogue")
    found: Catalogue = {}
    for query in queries:
        async with connection.cursor(row_factory=class_row(Entry)) as cursor:
            await cursor.execute(_QUERIES[query])
            found |= {(entry.kind, entry.table, entry.name): entry for entry in await cursor.fetchall()}
    aggregates = {entry.name for entry in found.values() if entry.kind == "aggregate"}
    # Of an aggregate, the view names a table that is called otherwise in every database.
    return {key: entry for key, entry in found.items() if entry.kind != "view" or entry.name not in aggregates}
