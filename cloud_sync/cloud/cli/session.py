"""One command's work on the database: connect, do it in one transaction, disconnect."""

import asyncio
import getpass
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import psycopg
import typer

from cloud_sync.cloud.access.audit import note
from cloud_sync.cloud.access.tenants import tenant_of
from cloud_sync.cloud.settings import CloudSettings, load_settings
from cloud_sync.cloud.store.migrate import migrate
from edge_runtime.errors import DatabaseError

Result = TypeVar("Result")
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="YAML file of settings, over those of the environment (HYDROSIGHT_…)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def in_transaction(config: Path | None, action: Callable[[psycopg.AsyncConnection], Awaitable[Result]]) -> Result:
    """Bring the schema up to date, run `action` in a transaction, commit.

    Raises:
        ConfigurationError: the settings are wrong.
        DatabaseError: the database can't be reached, or failed.
    """

    async def do(connection: psycopg.AsyncConnection) -> Result:
        await migrate(connection)
        async with connection.transaction():
            return await action(connection)

    return with_connection(config, do)


def audited(
    config: Path | None,
    act: str,
    subject: str,
    action: Callable[[psycopg.AsyncConnection], Awaitable[Result]],
    *,
    kind: Literal["machine", "agent", "operator"],
    detail: Callable[[Result], str] = lambda _: "",
) -> Result:
    """Like `in_transaction`, with an entry in the audit under this account's name, if the action comes to something.

    Args:
        config: file of settings.
        act: what is done, in words.
        subject: to whom or what.
        action: does it.
        kind: what `subject` is; the entry is for whom it belongs to.
        detail: what else the entry says of the result.

    Raises:
        ConfigurationError: the settings are wrong.
        DatabaseError: the database can't be reached, or failed.
    """

    async def do(connection: psycopg.AsyncConnection) -> Result:
        result = await action(connection)
        if result:
            tenant = await tenant_of(connection, kind, subject)
            await note(connection, this_account(), act, subject, detail(result), tenant)
        return result

    return in_transaction(config, do)


def this_account() -> str:
    """Who runs the command, as the audit and labels name them: the account and the host."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def with_connection(config: Path | None, action: Callable[[psycopg.AsyncConnection], Awaitable[Result]]) -> Result:
    """Run `action` with a connection in autocommit mode, the schema as it is.

    Raises:
        ConfigurationError: the settings are wrong.
        DatabaseError: the database can't be reached, or failed.
    """
    return asyncio.run(_run(load_settings(config), action))


async def _run(settings: CloudSettings, action: Callable[[psycopg.AsyncConnection], Awaitable[Result]]) -> Result:
    try:
        connection = await psycopg.AsyncConnection.connect(
            settings.connection_string(),
            autocommit=True,
            connect_timeout=5,
            application_name="hydrosight-cloud",
            options="-c jit=off",
        )
        async with connection:
            return await action(connection)
    except psycopg.Error as error:
        raise DatabaseError(
            f"the database failed: {str(error).strip() or type(error).__name__}",
            hint="Is PostgreSQL running, and HYDROSIGHT_DATABASE_URL right?",
        ) from error
