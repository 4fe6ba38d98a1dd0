"""SQL files: every block has a name of its own, and the code gets the statement without the comments."""

import re
from importlib.resources import files

import pytest

from cloud_sync.cloud.migrate import migrations
from cloud_sync.cloud.queries import load_queries, read_sql

QUERY_FILES = (
    "access.sql",
    "audit.sql",
    "credentials.sql",
    "gaps.sql",
    "history.sql",
    "ingest.sql",
    "labels.sql",
    "ledger.sql",
    "migrate.sql",
    "operators.sql",
    "read.sql",
    "retention.sql",
    "training.sql",
)
AT_EVERY_START = ("hypertables.sql", "aggregates.sql")


@pytest.mark.parametrize("file", QUERY_FILES)
def test_every_block_is_one_statement(file: str) -> None:
    queries = load_queries(file)

    assert len(queries) == read_sql(file).count(b"-- name:")
    for name, statement in queries.items():
        assert statement.count(b";") == 1, name
        assert statement.endswith(b";"), name
        assert b"--" not in statement, name


def test_every_file_is_a_migration_or_used() -> None:
    names = {entry.name for entry in files("cloud_sync.cloud").joinpath("sql").iterdir()}

    assert names == {*QUERY_FILES, *AT_EVERY_START, *(migration.file for migration in migrations())}


def test_migrations_are_numbered_without_gaps() -> None:
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))


def test_what_the_code_asks_for_is_there() -> None:
    package = files("cloud_sync.cloud")
    for file, modules in {
        "access.sql": ["access"],
        "gaps.sql": ["gap_api"],
        "ingest.sql": ["ingest"],
        "ledger.sql": ["ledger"],
        "migrate.sql": ["migrate"],
        "read.sql": ["fleet", "read_api"],
    }.items():
        source = "".join(package.joinpath(f"{module}.py").read_text() for module in modules)
        for name in load_queries(file):
            assert re.search(rf'"{name}"', source), f"{file}: nobody uses {name}"
