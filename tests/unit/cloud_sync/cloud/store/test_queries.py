"""SQL files: every block has a name of its own, and the code gets the statement without the comments."""

from importlib.resources import files
from pathlib import Path

import pytest

from cloud_sync.cloud.store.migrate import migrations
from cloud_sync.cloud.store.queries import load_queries, read_sql

AT_EVERY_START = {"hypertables.sql", "aggregates.sql", "isolation.sql"}
QUERY_FILES = sorted(
    entry.name
    for entry in files("cloud_sync.cloud").joinpath("sql").iterdir()
    if entry.is_file() and entry.name not in AT_EVERY_START
)
NAMES_PUT_TOGETHER = ("history.sql", "retention.sql", "tenants.sql")
"""Files of which the code asks for names such as f"of_{kind}"."""


@pytest.mark.parametrize("file", QUERY_FILES)
def test_every_block_is_one_statement(file: str) -> None:
    queries = load_queries(file)

    assert len(queries) == read_sql(file).count(b"-- name:")
    for name, statement in queries.items():
        assert statement.count(b";") == 1, name
        assert statement.endswith(b";"), name
        assert b"--" not in statement, name


def test_every_file_is_read_by_some_module() -> None:
    source = "".join(path.read_text() for root in ("cloud_sync", "training") for path in Path(root).rglob("*.py"))

    unread = [file for file in (*QUERY_FILES, *AT_EVERY_START) if f'("{file}")' not in source]

    assert not unread


def test_migrations_are_numbered_without_gaps() -> None:
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))


@pytest.mark.parametrize("file", sorted({*QUERY_FILES} - {*NAMES_PUT_TOGETHER}))
def test_every_query_is_used_where_its_file_is_read(file: str) -> None:
    modules = [path.read_text() for root in ("cloud_sync", "training") for path in Path(root).rglob("*.py")]
    source = "".join(text for text in modules if f'load_queries("{file}")' in text)

    for name in load_queries(file):
        assert f'"{name}"' in source, f"{file}: nobody uses {name}"
