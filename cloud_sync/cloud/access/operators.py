"""People and programs that use the API: their tokens and what each may."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import psycopg
from fastapi import Request
from psycopg.rows import class_row
from pydantic import BaseModel

from cloud_sync.cloud.access.scope import OperatorScope
from cloud_sync.cloud.access.secret import Secret, SecretKind, bearer
from cloud_sync.cloud.access.tenants import check_machines, no_tenant
from cloud_sync.cloud.store.queries import load_queries
from edge_runtime.errors import ConfigurationError, CredentialError, RefusedError

_QUERIES = load_queries("operators.sql")


class Role(StrEnum):
    """What somebody may; each may what those before it may."""

    VIEWER = "viewer"
    """Reads everything but the audit."""
    OPERATOR = "operator"
    """Says what was found at machines, too."""
    ADMIN = "admin"
    """Sees who did what, too."""

    def includes(self, other: "Role") -> bool:
        """Whether whoever has this role may what `other` may."""
        order = tuple(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody whose token was accepted."""

    name: str
    role: Role
    scope: OperatorScope


class OperatorStatus(BaseModel):
    """An operator in force.

    Attributes:
        tenant: whose machines its token shows; null for all tenants'.
        machines: the only ones that it shows; empty for all.
        expires_at: null for one that doesn't expire.
    """

    name: str
    role: Role
    tenant: str | None
    machines: list[str]
    created_at: datetime
    expires_at: datetime | None
    expired: bool


async def authorise(
    connection: psycopg.AsyncConnection, request: Request, needed: Role = Role.VIEWER, *, of_centre: bool = False
) -> Operator:
    """Who asks, if they may; the rest of the transaction is limited to what they see.

    Args:
        connection: of a transaction that has just begun.
        request: with the token.
        needed: role that this takes.
        of_centre: whether it is about all tenants, and takes an operator of the whole centre.

    Raises:
        CredentialError: the token is nobody's, was revoked or has expired.
        RefusedError: its role doesn't include `needed`, or it is of one tenant or for some machines alone (403).
    """
    secret = Secret.parse(bearer(request.headers.get("authorization")), SecretKind.OPERATOR)
    row = await (await connection.execute(_QUERIES["find"], {"id": secret.id})).fetchone()
    secret.check(None if row is None else row[1])
    assert row is not None  # noqa: S101  check() refused None
    name, _, role, revoked, expired, tenant, machines = row
    operator = Operator(str(name), Role(role), OperatorScope(tenant, tuple(machines or ())))
    for unfit, why in ((revoked, "was revoked"), (expired, "has expired")):
        if unfit:
            raise CredentialError(
                f"the token of operator {operator.name!r} {why}",
                hint="Make a new one: hydrosight-cloud operator create NAME",
            )
    if not operator.role.includes(needed):
        raise RefusedError(
            f"{operator.name!r} is {operator.role}, this takes {needed}",
            status=403,
            hint=f"Ask for a token of that role: hydrosight-cloud operator create NAME --role {needed}",
        )
    if of_centre and not operator.scope.is_whole_centre:
        raise RefusedError(
            f"{operator.name!r} sees {operator.scope}, this is about the whole centre",
            status=403,
            hint="Ask for a token of the whole centre: hydrosight-cloud operator create NAME --all-tenants",
        )
    await operator.scope.enter(connection)
    return operator


async def create_operator(
    connection: psycopg.AsyncConnection, name: str, role: Role, scope: OperatorScope, valid_for: timedelta | None = None
) -> str:
    """Make a token that shows what is in `scope`, once; without `valid_for` it doesn't expire.

    Raises:
        ConfigurationError: there is an operator of that name, no such tenant, or it has no such machine.
    """
    await check_machines(connection, scope.machines, scope.tenant)
    secret = Secret.generate(SecretKind.OPERATOR)
    values = {
        "id": secret.id,
        "name": name,
        "secret_sha256": secret.sha256,
        "role": role,
        "valid_for": valid_for,
        "tenant": scope.tenant,
        "machines": list(scope.machines) or None,
    }
    try:
        await connection.execute(_QUERIES["insert"], values)
    except psycopg.errors.UniqueViolation as error:
        raise ConfigurationError(
            f"there is an operator {name!r}", hint=f"Revoke it first: hydrosight-cloud operator revoke {name}"
        ) from error
    except psycopg.errors.ForeignKeyViolation as error:
        raise no_tenant(scope.tenant) from error
    return secret.text


async def revoke_operator(connection: psycopg.AsyncConnection, name: str) -> bool:
    """Revoke one operator's token; False when there is none of that name in force."""
    return (await connection.execute(_QUERIES["revoke"], {"name": name})).rowcount > 0


async def list_operators(connection: psycopg.AsyncConnection) -> list[OperatorStatus]:
    """All in force, by name."""
    async with connection.cursor(row_factory=class_row(OperatorStatus)) as cursor:
        await cursor.execute(_QUERIES["all"])
        return await cursor.fetchall()
