"""What is in the centre's database, by SQL of the demo's own."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import LiteralString

import numpy as np
import psycopg
from psycopg.rows import TupleRow

from demo.reconciliation import StoredChannel
from edge_runtime.alert import Alert
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import DemoError
from edge_runtime.utc import microseconds


@dataclass(frozen=True)
class Database:
    """Reads of one machine's rows; each opens a connection of its own.

    Raises, throughout:
        DemoError: the database doesn't answer.
    """

    url: str
    machine: str

    async def count_diagnoses(self) -> int:
        """How many diagnoses have arrived."""
        rows = await self._rows("SELECT count(*) FROM diagnoses WHERE machine = %s")
        return int(rows[0][0])

    async def channels(self) -> list[StoredChannel]:
        """Every channel of every window."""
        rows = await self._rows("SELECT sensor, start_time, step_us, samples FROM windows WHERE machine = %s")
        return [
            StoredChannel(sensor, microseconds(start), step, np.array(samples, np.float32))
            for sensor, start, step, samples in rows
        ]

    async def diagnoses(self) -> list[tuple[Hashable, Diagnosis]]:
        """Every diagnosis, by the start of its window."""
        rows = await self._rows("SELECT start_time, document::text FROM diagnoses WHERE machine = %s")
        return [(microseconds(start), Diagnosis.model_validate_json(document)) for start, document in rows]

    async def alerts(self) -> list[tuple[Hashable, Alert]]:
        """Every alert raised and every alert cleared, by id and state."""
        rows = await self._rows("SELECT id, state, document::text FROM alerts WHERE machine = %s")
        return [((alert_id, state), Alert.model_validate_json(document)) for alert_id, state, document in rows]

    async def _rows(self, query: LiteralString) -> list[TupleRow]:
        try:
            async with await psycopg.AsyncConnection.connect(self.url) as connection:
                return await (await connection.execute(query, [self.machine])).fetchall()
        except psycopg.Error as error:
            raise DemoError(f"the database doesn't answer: {error}") from error
