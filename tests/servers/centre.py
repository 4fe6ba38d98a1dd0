"""The centre as its operator runs it: `hydrosight-cloud serve` in a process of its own."""

import asyncio
import json
import subprocess
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from cloud_sync.cloud.access.enrolment import create_token
from cloud_sync.cloud.access.operators import Role, create_operator
from cloud_sync.cloud.access.scope import OperatorScope
from cloud_sync.cloud.access.tenants import FIRST_TENANT
from tests.forked import exit_code
from tests.servers.centre_command import Running, run_command, start_command

_FIRST_TENANT = OperatorScope(FIRST_TENANT)


class Centre:
    """A server on a loopback port of its own, for one database; it keeps its port over `kill()` and `start()`."""

    def __init__(self, database_url: str, log: Path, *options: str, **settings: str) -> None:
        self.database_url = database_url
        self._log = log
        self._options = options
        self._settings = {f"HYDROSIGHT_{name.upper()}": value for name, value in settings.items()}
        self._running: Running | None = None
        self.url = ""
        self.start()

    @property
    def port(self) -> int:
        """The port, the same for the centre's whole life; 0 before it was started."""
        return int(self.url.rpartition(":")[2] or 0)

    @property
    def pid(self) -> int:
        """Of the server's process, while it runs."""
        assert self._running is not None
        assert self._running.process.pid is not None
        return self._running.process.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._running = start_command(
            *("serve", "--json", "--port", str(self.port), *self._options),
            stderr=self._log,
            **self._settings,
            HYDROSIGHT_DATABASE_URL=self.database_url,
        )
        line = self._running.stdout.readline()
        if not line:
            pytest.fail(f"the centre didn't start:\n{self.log}", pytrace=False)
        self.url = json.loads(line)["url"]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `hydrosight-cloud` with these arguments on the same database."""
        return run_command(self.database_url, *arguments)

    def token(self, machine: str, valid_for: timedelta = timedelta(hours=1)) -> str:
        """A one-time enrolment token."""
        return asyncio.run(self._create_token(machine, valid_for))

    async def _create_token(self, machine: str, valid_for: timedelta) -> str:
        async with await psycopg.AsyncConnection.connect(self.database_url) as connection:
            return (await create_token(connection, machine, valid_for)).token

    def operator_token(self, name: str, role: Role = Role.VIEWER, scope: OperatorScope = _FIRST_TENANT) -> str:
        """A new operator's token."""
        return asyncio.run(self._create_operator(name, role, scope))

    async def _create_operator(self, name: str, role: Role, scope: OperatorScope) -> str:
        async with await psycopg.AsyncConnection.connect(self.database_url) as connection:
            return await create_operator(connection, name, role, scope)

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        if self._running is not None:
            self._running.process.kill()
            self._close()

    def stop(self) -> None:
        """Stop it as an operator would."""
        if self._running is not None:
            self._running.process.terminate()
            self._close()

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text()

    def _close(self) -> None:
        assert self._running is not None
        exit_code(self._running.process)
        self._running.stdout.close()
        self._running = None
