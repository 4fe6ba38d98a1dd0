"""Tenants: who a machine belongs to. What follows from it is kept by PostgreSQL; scope.py enters it.

Every function takes a connection that is in a transaction, the owner's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import psycopg
from psycopg.rows import class_row
from pydantic import BaseModel

from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.errors import ConfigurationError

FIRST_TENANT = "default"
"""Whose everything is that nobody was named for; a migration makes it."""

_QUERIES = load_queries("tenants.sql")
_SEE = "See those that there are: hydrosight-cloud tenant list"


class TenantStatus(BaseModel):
    """A tenant: how many machines are its, and how many operators' tokens are in force."""

    name: str
    created_at: datetime
    machines: int
    operators: int


async def add_tenant(connection: psycopg.AsyncConnection, tenant: str) -> None:
    """Make a tenant known.

    Raises:
        ConfigurationError: there is one of that name, or it can't be called that.
    """
    try:
        await connection.execute(_QUERIES["insert"], {"tenant": tenant})
    except psycopg.errors.UniqueViolation as error:
        raise ConfigurationError(f"there is a tenant {tenant!r}", hint=_SEE) from error
    except psycopg.errors.CheckViolation as error:
        raise ConfigurationError(
            f"{tenant!r} can't be a tenant's name",
            hint="Up to 64 letters, digits, '_', '-' and '.', beginning with a letter or digit.",
        ) from error


async def list_tenants(connection: psycopg.AsyncConnection) -> list[TenantStatus]:
    """All, by name."""
    async with connection.cursor(row_factory=class_row(TenantStatus)) as cursor:
        await cursor.execute(_QUERIES["all"])
        return await cursor.fetchall()


async def add_machine(connection: psycopg.AsyncConnection, machine: str, tenant: str | None) -> None:
    """Make a machine known as the tenant's; None: as the first tenant's, or as whose it is.

    Raises:
        ConfigurationError: there is no such tenant, or the machine is another's.
    """
    try:
        await connection.execute(_QUERIES["add_machine"], {"machine": machine, "tenant": tenant or FIRST_TENANT})
    except psycopg.errors.ForeignKeyViolation as error:
        raise no_tenant(tenant) from error
    owner = await tenant_of(connection, "machine", machine)
    if tenant not in {None, owner}:
        raise ConfigurationError(
            f"machine {machine!r} belongs to tenant {owner}, not {tenant}",
            hint=f"Give it over first, with all that it has sent: hydrosight-cloud tenant move {machine} {tenant}",
        )


async def move_machine(connection: psycopg.AsyncConnection, machine: str, tenant: str) -> str | None:
    """Give a machine to another tenant, with all that its boxes have sent; whose it was, None when it was the tenant's.

    Raises:
        ConfigurationError: there is no such machine or tenant.
    """
    owner = await tenant_of(connection, "machine", machine)
    if owner is None:
        raise ConfigurationError(f"there is no machine {machine!r}", hint="See: hydrosight-cloud fleet")
    try:
        await connection.execute(_QUERIES["move_machine"], {"machine": machine, "tenant": tenant or FIRST_TENANT})
    except psycopg.errors.ForeignKeyViolation as error:
        raise no_tenant(tenant) from error
    return None if owner == tenant else owner


async def check_machines(connection: psycopg.AsyncConnection, machines: Sequence[str], tenant: str | None) -> None:
    """Whether all these machines are the tenant's, or known at all where it is None.

    Raises:
        ConfigurationError: one isn't.
    """
    rows = await (await connection.execute(_QUERIES["machines"], {"machines": list(machines)})).fetchall()
    owners: dict[str, str] = dict(rows)
    for machine in machines:
        if machine not in owners or tenant not in {None, owners[machine]}:
            whose = "" if tenant is None else f" of tenant {tenant}"
            raise ConfigurationError(f"there is no machine {machine!r}{whose}", hint="See: hydrosight-cloud fleet")


async def tenant_of(
    connection: psycopg.AsyncConnection, kind: Literal["machine", "agent", "operator"], name: str
) -> str | None:
    """Whose a machine, a box or an operator is; None for one of the whole centre, and for what isn't known."""
    row = await (await connection.execute(_QUERIES[f"of_{kind}"], {"name": name})).fetchone()
    return None if row is None else row[0]


def no_tenant(tenant: str | None) -> ConfigurationError:
    """What is said where a tenant is named that there isn't."""
    return ConfigurationError(f"there is no tenant {tenant!r}", hint=f"Make it: hydrosight-cloud tenant add {tenant}")
