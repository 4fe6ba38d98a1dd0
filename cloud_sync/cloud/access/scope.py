"""What a transaction may see and write once it is known who asks. PostgreSQL keeps it; sql/isolation.sql says how."""

from dataclasses import dataclass

import psycopg

from cloud_sync.cloud.store.queries import load_queries

ENTRY_ROLE = "hydrosight_entry"
"""The role that connections for requests begin in: it can check secrets and nothing else."""

_QUERIES = load_queries("scope.sql")


@dataclass(frozen=True, slots=True)
class BoxScope:
    """One machine: its box sees what it has sent, and writes what is about this machine."""

    machine: str

    async def enter(self, connection: psycopg.AsyncConnection) -> None:
        """Limit the rest of the connection's transaction to it."""
        await connection.execute(_QUERIES["as_box"], {"machine": self.machine})


@dataclass(frozen=True, slots=True)
class OperatorScope:
    """A tenant's machines, or some of them.

    Attributes:
        tenant: its name; None for all tenants.
        machines: the only ones that are shown; empty for all that the tenant has.
    """

    tenant: str | None
    machines: tuple[str, ...] = ()

    @property
    def is_whole_centre(self) -> bool:
        """Whether nothing is hidden."""
        return self.tenant is None and not self.machines

    def __str__(self) -> str:
        """For people: what is seen."""
        of = "all tenants" if self.tenant is None else f"tenant {self.tenant}"
        return f"{', '.join(self.machines)} of {of}" if self.machines else of

    async def enter(self, connection: psycopg.AsyncConnection) -> None:
        """Limit the rest of the connection's transaction to it."""
        values = {"tenant": self.tenant or "*", "machines": ",".join(self.machines)}
        await connection.execute(_QUERIES["as_operator"], values)
