"""How boxes get in: enrolment tokens and agents in the database. Their credentials are in credentials.py.

Every function takes a connection that is in a transaction, and does one thing in it. Expiry is judged by the database's
clock, which all servers share.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from cloud_sync.cloud.access import credentials
from cloud_sync.cloud.access.audit import note
from cloud_sync.cloud.access.scope import BoxScope
from cloud_sync.cloud.access.secret import Secret, SecretKind
from cloud_sync.cloud.access.tenants import add_machine, tenant_of
from cloud_sync.cloud.store.queries import load_queries
from cloud_sync.wire import Enrolment, EnrolmentRequest
from edge_runtime.errors import CredentialError, RefusedError

_QUERIES = load_queries("access.sql")


@dataclass(frozen=True, slots=True)
class EnrolmentToken:
    """A new one-time token, shown once; its `id` is no secret."""

    id: str
    machine: str
    token: str
    expires_at: datetime


async def create_token(
    connection: psycopg.AsyncConnection, machine: str, valid_for: timedelta, tenant: str | None = None
) -> EnrolmentToken:
    """Make a token that enrols one box, once, for `machine`.

    The machine is made known with it, as the tenant's; without one it is the first tenant's, `default`. A known one
    stays whose it is.

    Raises:
        ConfigurationError: there is no such tenant, or the machine is another's.
    """
    secret = Secret.generate(SecretKind.ENROLMENT)
    await add_machine(connection, machine, tenant)
    cursor = await connection.execute(
        _QUERIES["insert_token"],
        {"id": secret.id, "machine": machine, "secret_sha256": secret.sha256, "valid_for": valid_for},
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101  INSERT … RETURNING gives its row
    return EnrolmentToken(secret.id, machine, secret.text, row[0])


async def enrol(
    connection: psycopg.AsyncConnection, request: EnrolmentRequest, lifetime: timedelta | None = None
) -> Enrolment:
    """Turn a one-time token into a credential. The machine's earlier box, if there is one, loses its own.

    `lifetime` is the credential's, None for one that doesn't expire. The audit has both under the token's id.

    Raises:
        CredentialError: the token is wrong, used, revoked or expired.
        RefusedError: it is for another machine (403); it stays unused.
    """
    token = Secret.parse(request.token, SecretKind.ENROLMENT)
    row = await (await connection.execute(_QUERIES["find_token"], {"id": token.id})).fetchone()
    token.check(None if row is None else row[1])
    assert row is not None  # noqa: S101  check() refused None
    machine, _, used, revoked, expired = row
    for unfit, why in ((used, "was used before"), (revoked, "was revoked"), (expired, "has expired")):
        if unfit:
            raise CredentialError(
                f"the enrolment token {why}", hint=f"Make a new one: hydrosight-cloud enroll {machine}"
            )
    if request.machine != machine:
        raise RefusedError(
            f"the token is for machine {machine!r}, not {request.machine!r}",
            status=403,
            hint=f"Name the machine {machine!r}, or make a token: hydrosight-cloud enroll {request.machine}",
        )
    await BoxScope(machine).enter(connection)
    credential = Secret.generate(SecretKind.AGENT)
    await connection.execute(_QUERIES["use_token"], {"id": token.id})
    await connection.execute(_QUERIES["lock_machine"], {"machine": machine})
    await connection.execute(_QUERIES["set_machine_file"], {"machine": machine, "machine_file": request.machine_file})
    who, tenant = f"token {token.id}", await tenant_of(connection, "machine", machine)
    former = await connection.execute(_QUERIES["revoke_agents_of_machine"], {"machine": machine})
    for (agent,) in await former.fetchall():
        await note(connection, who, "agent revoke", agent, f"machine {machine} has another box", tenant)
    await connection.execute(
        _QUERIES["insert_agent"],
        {"id": credential.id, "machine": machine, "agent_version": request.agent_version},
    )
    await note(connection, who, "agent enrol", credential.id, f"machine {machine}", tenant)
    return await credentials.issue(connection, credential.id, machine, credential, lifetime)


async def revoke_machine(connection: psycopg.AsyncConnection, machine: str) -> int:
    """Revoke the credential of a machine's box and its unused tokens; how many of both there were."""
    agents = await connection.execute(_QUERIES["revoke_agents_of_machine"], {"machine": machine})
    tokens = await connection.execute(_QUERIES["revoke_tokens_of_machine"], {"machine": machine})
    return agents.rowcount + tokens.rowcount


async def revoke_agent(connection: psycopg.AsyncConnection, agent: str) -> bool:
    """Revoke one box's credential; False when there is none of that id in force."""
    return (await connection.execute(_QUERIES["revoke_agent"], {"id": agent})).rowcount > 0
