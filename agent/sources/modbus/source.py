"""Sensors of one Modbus connection."""

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.sources.backoff import backoff_delays
from agent.sources.base import UNREACHABLE, Deliver, Report, SourceCounters, StatusLine
from agent.sources.modbus.connection import ModbusConnection, UnreachableError
from agent.sources.modbus.group_poll import GroupPoll, Poll
from agent.sources.modbus.read_plan import Block
from agent.sources.modbus.settings import ModbusSettings
from agent.sources.poll_schedule import PollSchedule
from edge_runtime.cancellation import check_cancelled
from edge_runtime.errors import SourceError

FIRST_RETRY_S = 0.5


@dataclass(slots=True)
class _Unit:
    """A device on the connection.

    Attributes:
        retries: how long it is left alone each time that it doesn't answer.
        away: whether it didn't answer when it was last asked.
    """

    retries: Iterator[float]
    away: bool = False


class ModbusSource:
    """Polls read groups over one connection, leaves devices that don't answer alone for a while, and reconnects."""

    def __init__(
        self, settings: ModbusSettings, *, now_us: Callable[[], int], rng: random.Random | None = None
    ) -> None:
        """`now_us` gives the box's time, microseconds since 1970 UTC; `rng` the jitter of the back-off."""
        self.name = settings.name
        self.sensors = settings.sensors
        self.counters = SourceCounters()
        self._settings = settings
        self._now_us = now_us
        self._rng = rng or random.Random()  # noqa: S311  jitter isn't a secret
        self._groups: list[GroupPoll] = []
        self._units: dict[int, _Unit] = {}
        self._retries = self._fresh_retries()

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Poll until cancelled."""
        status = StatusLine(self.name, report)
        now_s = self._time_s()
        self._groups = [
            GroupPoll(group, self._settings.unit_of(group), self._settings.limits_of(group), schedule)
            for group in self._settings.groups
            for schedule in [PollSchedule(group.period_s, now_s)]
        ]
        self._units = {group.unit_id: _Unit(self._fresh_retries()) for group in self._groups}
        while True:
            await self._until_due()
            try:
                await self._connect_and_poll(deliver, status)
            except SourceError as error:
                status.faulty(str(error), error.hint, kind=UNREACHABLE)
                self._put_off(self._groups, next(self._retries))
            self.counters.reconnects += 1
            check_cancelled()

    async def _connect_and_poll(self, deliver: Deliver, status: StatusLine) -> None:
        """Use one connection for as long as it is of use.

        Raises:
            SourceError: there is none.
        """
        connection = ModbusConnection(self._settings, self.counters)
        try:
            await connection.connect()
            self._retries = self._fresh_retries()
            await self._poll(connection, deliver, status)
        finally:
            connection.close()

    async def _poll(self, connection: ModbusConnection, deliver: Deliver, status: StatusLine) -> None:
        """Poll all groups when they are due, until one of them gets no answer: the connection is then of no use."""
        while True:
            group = await self._until_due()

            async def read(block: Block, unit_id: int = group.unit_id) -> bytes:
                return await connection.read(unit_id, block)

            try:
                poll = await group.poll(read, self._now_us, self._time_s())
            except UnreachableError as error:
                kind = UNREACHABLE if len(self._units) == 1 else f"{UNREACHABLE} {group.unit_id}"
                status.faulty(str(error), error.hint, kind=kind)
                self._leave_alone(group.unit_id)
                return
            self.counters.late_polls += group.schedule.polled(self._time_s())
            if poll.readings:
                self.counters.readings += len(poll.readings)
                deliver(poll.readings)
            self._judge(connection, group, poll, status)
            check_cancelled()

    def _judge(self, connection: ModbusConnection, group: GroupPoll, poll: Poll, status: StatusLine) -> None:
        """Say what is wrong, and when all is well."""
        unit = self._units[group.unit_id]
        for refusal in poll.refusals:
            status.faulty(str(refusal), refusal.hint)
        if any(refusal.from_gateway for refusal in poll.refusals):
            self._leave_alone(group.unit_id)
            return
        if unit.away:
            unit.away = False
            unit.retries = self._fresh_retries()
        if group.has_nothing:
            status.faulty(
                f"{connection}: unit {group.unit_id} has none of {', '.join(map(str, group.missing))}",
                "Check unit id, kind and addresses with the device's manual, or look with `hydrosight modbus scan`.",
            )
        else:
            for entry in group.missing:
                status.faulty(
                    f"{connection}: {entry}: the device has no such register; its other sensors are read",
                    "Compare kind and address with the device's manual; manuals often count from 1 or 40001.",
                )
        if all(group.complete for group in self._groups) and not any(unit.away for unit in self._units.values()):
            status.healthy()

    def _leave_alone(self, unit_id: int) -> None:
        unit = self._units[unit_id]
        unit.away = True
        self._put_off([group for group in self._groups if group.unit_id == unit_id], next(unit.retries))

    def _put_off(self, groups: list[GroupPoll], delay_s: float) -> None:
        until_s = self._time_s() + delay_s
        for group in groups:
            group.schedule.put_off(until_s)

    async def _until_due(self) -> GroupPoll:
        """Wait for the poll that is due first."""
        group = min(self._groups, key=lambda group: group.schedule.due_s)
        await asyncio.sleep(max(0.0, group.schedule.due_s - self._time_s()))
        return group

    def _time_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _fresh_retries(self) -> Iterator[float]:
        longest_s = self._settings.longest_retry_s
        return backoff_delays(min(FIRST_RETRY_S, longest_s), longest_s, self._rng)
