"""Credentials of boxes: issued at enrolment, shown with every batch, replaced in time by one that the box asks for.

Every function takes a connection that is in a transaction; once a box is known, the rest of it is limited to its
machine. Expiry is judged by the database's clock, which all servers
share; what a box's clock says doesn't matter.
"""

from dataclasses import dataclass
from datetime import timedelta

import psycopg
from psycopg.rows import class_row

from cloud_sync.cloud.access.audit import note
from cloud_sync.cloud.access.scope import BoxScope
from cloud_sync.cloud.access.secret import Secret, SecretKind
from cloud_sync.cloud.access.tenants import tenant_of
from cloud_sync.cloud.store.queries import load_queries
from cloud_sync.wire import Enrolment
from edge_runtime.errors import CredentialError

GRACE = timedelta(minutes=10)
"""A credential is accepted for so long after its successor was first used: for requests that were on their way."""
_QUERIES = load_queries("credentials.sql")


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """A box whose credential was right: it may write its own machine and nothing else.

    `rotate`: two thirds of the credential's life are over, or it has none and should have.
    """

    agent: str
    machine: str
    rotate: bool = False

    @property
    def scope(self) -> BoxScope:
        """What transactions on its behalf are limited to."""
        return BoxScope(self.machine)


@dataclass(frozen=True, slots=True)
class _Found:
    agent: str
    machine: str
    secret_sha256: bytes
    revoked: bool
    expired: bool
    over: bool
    replaced: bool
    unused: bool
    due: bool


async def issue(
    connection: psycopg.AsyncConnection, agent: str, machine: str, secret: Secret, lifetime: timedelta | None
) -> Enrolment:
    """Make `secret` a credential of this box; None: one that doesn't expire."""
    row = await (
        await connection.execute(
            _QUERIES["insert"],
            {"id": secret.id, "agent": agent, "secret_sha256": secret.sha256, "lifetime": lifetime},
        )
    ).fetchone()
    assert row is not None  # noqa: S101  INSERT … RETURNING gives its row
    return Enrolment(agent=agent, credential=secret.text, machine=machine, expires_us=row[0])


async def authenticate(
    connection: psycopg.AsyncConnection, credential: str, lifetime: timedelta | None = None
) -> AgentIdentity:
    """Who presents this credential; the rest of the transaction is limited to its machine.

    When the credential is new, the box's other ones end.

    Raises:
        CredentialError: nobody, or it was revoked, has expired or was replaced.
    """
    secret = Secret.parse(credential, SecretKind.AGENT)
    async with connection.pipeline():
        found = await _find(connection, secret, lifetime)
        await BoxScope(found.machine).enter(connection)
        if found.unused:
            await connection.execute(_QUERIES["use"], {"id": secret.id})
            await connection.execute(_QUERIES["replace_others"], {"id": secret.id, "agent": found.agent})
    return AgentIdentity(found.agent, found.machine, rotate=found.due and not found.replaced)


async def rotate(connection: psycopg.AsyncConnection, credential: str, lifetime: timedelta | None) -> Enrolment:
    """Issue a successor of this credential, which stays valid until the successor is used.

    Raises:
        CredentialError: the credential isn't accepted, or its successor was used already.
    """
    identity = await authenticate(connection, credential)
    secret = Secret.parse(credential, SecretKind.AGENT)
    if (await _find(connection, secret, lifetime)).replaced:
        raise CredentialError(
            f"another credential of box {identity.agent} is in use already",
            hint=f"If nobody knows how, revoke it: hydrosight-cloud agent revoke {identity.agent}",
        )
    await connection.execute(_QUERIES["forget"], {"id": secret.id, "agent": identity.agent})
    tenant = await tenant_of(connection, "machine", identity.machine)
    about = f"machine {identity.machine}"
    await note(connection, f"agent {identity.agent}", "credential rotate", identity.agent, about, tenant)
    return await issue(connection, identity.agent, identity.machine, Secret.generate(SecretKind.AGENT), lifetime)


async def _find(connection: psycopg.AsyncConnection, secret: Secret, lifetime: timedelta | None) -> _Found:
    async with connection.cursor(row_factory=class_row(_Found)) as cursor:
        await cursor.execute(_QUERIES["find"], {"id": secret.id, "lifetime": lifetime, "grace": GRACE})
        found = await cursor.fetchone()
    secret.check(None if found is None else found.secret_sha256)
    assert found is not None  # noqa: S101  check() refused None
    for unfit, why in (
        (found.revoked, "was revoked"),
        (found.expired, "has expired"),
        (found.over, "was replaced by a newer one"),
    ):
        if unfit:
            raise CredentialError(
                f"the credential of agent {found.agent} {why}",
                hint=f"Enrol this box again, with a token from: hydrosight-cloud enroll {found.machine}",
            )
    return found
