"""What keeping tenants apart costs: the same work as the owner, whom nothing limits, and as the roles of requests.

    python -m benchmarks.bench_isolation

It takes the server that HYDROSIGHT_TEST_DATABASE names, else an embedded one, and gives CPU seconds of the database's
process for the connection and of this one: other load on the machine changes them little. Both sides run in turns.
"""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import psycopg

from cloud_sync.cloud.access.credentials import AgentIdentity
from cloud_sync.cloud.access.scope import BoxScope, OperatorScope
from cloud_sync.cloud.store.arrays import register_arrays
from cloud_sync.cloud.store.ingest import Delivery, write_rows
from cloud_sync.cloud.store.latest_windows import latest_windows
from cloud_sync.cloud.store.ledger import read_ledger
from cloud_sync.cloud.store.migrate import migrate
from cloud_sync.cloud.store.rows import rows_of
from tests.servers.batches import make_batch
from tests.servers.postgres import PostgresServer, fresh_database

ROUNDS = 9
BATCHES = 20
WINDOWS = 10
MACHINES = 1000
Work = Callable[[psycopg.AsyncConnection, str, int], Awaitable[None]]


async def ingest(connection: psycopg.AsyncConnection, machine: str, turn: int) -> None:
    """A batch of ten minutes."""
    batch = make_batch(machine, turn, windows=WINDOWS)
    async with connection.pipeline():
        await write_rows(connection, AgentIdentity(machine, machine), batch, rows_of(batch, machine), Delivery())


async def newest(connection: psycopg.AsyncConnection, machine: str, _: int) -> None:
    """The newest ten windows, as a viewer asks for them."""
    await latest_windows(connection, machine, 10)


async def ledger(connection: psycopg.AsyncConnection, machine: str, _: int) -> None:
    """Everything that is held of a machine, window by window."""
    await read_ledger(connection, machine)


async def measure(url: str) -> None:
    """Print a line for each kind of work."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await migrate(connection)
        await connection.execute("INSERT INTO tenants (name) VALUES ('acme')")
        await connection.execute(
            "INSERT INTO machines (name, tenant) SELECT 'rig-' || k, 'acme' FROM generate_series(1, %s) AS k",
            (MACHINES,),
        )
        for machine in ("rig-1", "rig-2"):
            await connection.execute("INSERT INTO agents VALUES (%s, %s, '1')", (machine, machine))
        await connection.execute("ANALYZE")
        await connection.set_autocommit(False)
        register_arrays(connection)
        owner, box, operator = None, BoxScope("rig-2"), OperatorScope("acme")
        for name, work, limited in (
            ("ingest", ingest, box),
            ("newest", newest, operator),
            ("ledger", ledger, operator),
        ):
            took: dict[bool, list[float]] = {False: [], True: []}
            for turn in range(ROUNDS):
                for machine, scope in (("rig-1", owner), ("rig-2", limited)):
                    took[scope is not None].append(await _cpu_s(connection, work, machine, scope, turn))
            free, kept = (1e3 * statistics.median(took[side]) / BATCHES for side in (False, True))
            print(f"{name:<8} owner {free:7.2f} ms   limited {kept:7.2f} ms   ratio {kept / free:.2f}")


async def _cpu_s(
    connection: psycopg.AsyncConnection, work: Work, machine: str, scope: BoxScope | OperatorScope | None, turn: int
) -> float:
    backend = psutil.Process(connection.info.backend_pid)

    def spent() -> float:
        times = backend.cpu_times()
        return times.user + times.system + time.process_time()

    before = spent()
    for number in range(BATCHES):
        if scope is not None:
            await scope.enter(connection)
        await work(connection, machine, turn * BATCHES + number)
        await connection.commit()
    return spent() - before


def main() -> None:
    """Run it."""
    if named := os.environ.get("HYDROSIGHT_TEST_DATABASE"):
        with fresh_database(named) as url:
            asyncio.run(measure(url))
        return
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder))
        try:
            with fresh_database(server.url) as url:
                asyncio.run(measure(url))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
