"""A centre's database with windows of a machine, put there without a server."""

import asyncio
from collections.abc import Sequence

import numpy as np
import psycopg

from cloud_sync.cloud.store.arrays import register_arrays
from cloud_sync.cloud.store.migrate import migrate
from cloud_sync.wire import WindowRecord
from tests.servers.batches import time_of


def prepare(url: str) -> None:
    """Give an empty database the centre's schema."""

    async def do() -> None:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await migrate(connection)

    asyncio.run(do())


def put_windows(url: str, windows: Sequence[WindowRecord], machine_file: str = "") -> None:
    """Add windows, and their machines where they are new."""
    with psycopg.connect(url) as connection:
        register_arrays(connection)
        for machine in sorted({window.machine for window in windows}):
            connection.execute(
                "INSERT INTO machines (name, machine_file) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (machine, machine_file),
            )
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO windows (machine, start_time, end_time, sensor, step_us, samples) "
                "VALUES (%s, %s, %s, %s, %s, %b)",
                [
                    (
                        *(window.machine, time_of(window.start_us), time_of(window.end_us)),
                        *(channel.sensor, channel.step_us),
                        np.frombuffer(channel.values, "<f4").astype(np.float32),
                    )
                    for window in windows
                    for channel in window.channels
                ],
            )
