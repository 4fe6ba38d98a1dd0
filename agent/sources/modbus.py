"""Sensors of a Modbus TCP device."""

import asyncio
import math
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import numpy as np

from agent.sources.backoff import backoff_delays
from agent.sources.base import UNREACHABLE, Deliver, Report, SourceCounters, StatusLine
from agent.sources.modbus_device import IllegalAddressError, ModbusDevice, UnreachableError
from agent.sources.modbus_settings import ModbusSettings, ReadGroup
from agent.sources.poll_schedule import PollSchedule
from agent.sources.register_map import Block, ClockSettings, Decoder, Entry, RegisterSettings, UInt16Array
from edge_runtime.cancellation import check_cancelled
from edge_runtime.errors import SourceError
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading

FIRST_RETRY_S = 0.5
LOOK_AGAIN_S = 60.0
"""How often registers that the device didn't have are looked for again."""


class ModbusSource:
    """Polls the read groups of one device over one connection, and reconnects by itself."""

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
        self._retries = self._fresh_retries()

    async def run(self, deliver: Deliver, report: Report) -> None:
        """Poll until cancelled."""
        status = StatusLine(self.name, report)
        while True:
            device = ModbusDevice(self._settings)
            try:
                await device.connect()
                await self._poll(device, deliver, status)
            except UnreachableError as error:
                status.faulty(str(error), error.hint, kind=UNREACHABLE)
            except SourceError as error:
                status.faulty(str(error), error.hint)
            finally:
                device.close()
            await asyncio.sleep(next(self._retries))
            self.counters.reconnects += 1

    async def _poll(self, device: ModbusDevice, deliver: Deliver, status: StatusLine) -> None:
        """Poll all groups when they are due, until the device fails.

        Raises:
            SourceError: it did.
        """
        time = asyncio.get_running_loop().time
        groups = [_Group(group, PollSchedule(group.period_s, time())) for group in self._settings.groups]
        while True:
            group = min(groups, key=lambda group: group.schedule.due_s)
            await asyncio.sleep(max(0.0, group.schedule.due_s - time()))
            readings = await group.read(device, self._now_us, time())
            self.counters.late_polls += group.schedule.polled(time())
            if readings:
                self.counters.readings += len(readings)
                deliver(readings)
            for register in chain.from_iterable(group.missing for group in groups):
                status.faulty(
                    f"{device}: sensor {register}: the device has no such register; its other sensors are read",
                    "Compare kind and address with the device's manual; manuals often count from 1 or 40001.",
                )
            if all(group.complete for group in groups):
                self._retries = self._fresh_retries()
                status.healthy()
            check_cancelled()

    def _fresh_retries(self) -> Iterator[float]:
        return backoff_delays(FIRST_RETRY_S, self._settings.longest_retry_s, self._rng)


class _Group:
    """A read group on one connection.

    Attributes:
        schedule: when it is polled.
        missing: registers that the device doesn't have.
        complete: whether it has been read, with nothing missing.
    """

    def __init__(self, settings: ReadGroup, schedule: PollSchedule) -> None:
        self.schedule = schedule
        self.missing: tuple[RegisterSettings, ...] = ()
        self.complete = False
        self._settings = settings
        self._sample_time_us = 0
        self._look_again_s = 0.0
        self._use(settings.reads)

    async def read(self, device: ModbusDevice, now_us: Callable[[], int], monotonic_s: float) -> list[Reading]:
        """The readings of a new sample; none when the device's clock hasn't moved.

        Raises:
            SourceError: the device didn't answer, or has none of the registers, or no clock.
        """
        if self.missing and monotonic_s >= self._look_again_s:
            self._use(self._settings.reads)
        try:
            image = await self._image(device)
        except IllegalAddressError:
            await self._find_missing(device)
            self._look_again_s = monotonic_s + LOOK_AGAIN_S
            image = await self._image(device)
        self.complete = not self.missing
        received_us = now_us()
        device_time_us = self._decoder.device_time_us(image)
        if device_time_us is None:
            return self._readings(image, received_us, received_us)
        if device_time_us in (0, self._sample_time_us):
            return []
        self._sample_time_us = device_time_us
        return self._readings(image, device_time_us, received_us)

    def _readings(self, image: UInt16Array, source_us: int, received_us: int) -> list[Reading]:
        seen = zip(self._decoder.registers, self._decoder.values(image).tolist(), strict=True)
        unseen = ((register, math.nan) for register in self.missing)
        return [
            Reading(register.sensor, value, Quality.BAD if math.isnan(value) else Quality.GOOD, source_us, received_us)
            for register, value in chain(seen, unseen)
        ]

    async def _image(self, device: ModbusDevice) -> UInt16Array:
        return np.array([register for block in self._blocks for register in await device.read(block)], np.uint16)

    async def _find_missing(self, device: ModbusDevice) -> None:
        """Halve the blocks until what the device has and what it hasn't are apart."""
        found: list[Block] = []
        missing: list[Entry] = []
        untried = list(self._settings.reads)
        while untried:
            block = untried.pop()
            try:
                await device.read(block)
            except IllegalAddressError:
                untried.extend(block.halves())
                missing.extend(block.entries if len(block.entries) == 1 else ())
            else:
                found.append(block)
        if not found:
            raise SourceError(
                f"{device}: has none of the registers {', '.join(map(str, self._settings.registers))}",
                hint="Check unit, kind and addresses with the device's manual.",
            )
        for entry in missing:
            if isinstance(entry, ClockSettings):
                raise SourceError(
                    f"{device}: has no clock at {entry.kind} register {entry.address}",
                    hint="Correct the address of the clock, or leave `clock` out to use the time of arrival.",
                )
        self._use(found, tuple(entry for entry in missing if isinstance(entry, RegisterSettings)))

    def _use(self, blocks: Sequence[Block], missing: tuple[RegisterSettings, ...] = ()) -> None:
        self._blocks = tuple(blocks)
        self._decoder = Decoder(blocks)
        self.missing = missing
