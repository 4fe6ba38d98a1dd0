"""Fixtures that every test may use: real servers, one of each per pytest process."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.servers.mosquitto import Mosquitto
from tests.servers.postgres import PostgresServer, fresh_database

# How long an example takes, or making one up, says how busy the machine is, and nothing of what is tested.
settings.register_profile("hydrosight", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hydrosight")

_SERVER_FIXTURES = {"mosquitto", "postgres_server", "postgres_url", "module_postgres_url"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server, so that `-m "not servers"` runs the rest."""
    for item in items:
        if _SERVER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("servers")


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """A command that a test runs in this process sends the log to that test's stderr, which is gone afterwards."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def mosquitto() -> Iterator[Mosquitto]:
    """A Mosquitto broker of the test's own (it starts in milliseconds): no messages of other tests are retained."""
    with tempfile.TemporaryDirectory(prefix="hydrosight-mosquitto-") as directory:
        broker = Mosquitto(Path(directory))
        try:
            yield broker
        finally:
            broker.stop()


@pytest.fixture(scope="session")
def _postgres() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="hydrosight-postgres-") as directory:
        server = PostgresServer(Path(directory))
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def postgres_server(_postgres: PostgresServer) -> Iterator[PostgresServer]:
    """The tests' own PostgreSQL server, to be stopped, killed and started at will; it runs again afterwards.

    `fresh_database(postgres_server.url)` makes a database on it.
    """
    _postgres.start()
    yield _postgres
    _postgres.start()


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Connection URL of an empty database.

    It is on the server that HYDROSIGHT_TEST_DATABASE names by URL (one with TimescaleDB, say), if that is set, else on
    the tests' own.
    """
    with fresh_database(_server_url(request)) as url:
        yield url


@pytest.fixture(scope="module")
def module_postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The same, for all tests of a module that leave it as they found it."""
    with fresh_database(_server_url(request)) as url:
        yield url


def _server_url(request: pytest.FixtureRequest) -> str:
    named = os.environ.get("HYDROSIGHT_TEST_DATABASE")
    if named is not None:
        return named
    server: PostgresServer = request.getfixturevalue("_postgres")
    server.start()
    return server.url
