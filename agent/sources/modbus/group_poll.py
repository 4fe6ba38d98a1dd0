"""A read group at work: what it reads in each poll, and what it has learnt about its device."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import compress

from agent.sources.modbus.connection import ExceptionAnswerError
from agent.sources.modbus.dead_band import DeadBand
from agent.sources.modbus.decoder import DEVICE_FAULT, NOT_A_NUMBER, Decoder, Values
from agent.sources.modbus.read_plan import Block, ReadLimits, ReadPlan
from agent.sources.modbus.registers import Entry
from agent.sources.modbus.settings import ReadGroup
from agent.sources.poll_schedule import PollSchedule
from edge_runtime.quality import Quality, Reason
from edge_runtime.reading import Reading

LOOK_AGAIN_S = 60.0
"""How often registers that the device didn't have are looked for again."""

Read = Callable[[Block], Awaitable[bytes]]
Answer = bytes | ExceptionAnswerError

_QUALITY = {
    0: (Quality.GOOD, Reason.NONE),
    NOT_A_NUMBER: (Quality.BAD, Reason.NOT_A_NUMBER),
    DEVICE_FAULT: (Quality.BAD, Reason.DEVICE_FAULT),
}


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll brought.

    Attributes:
        readings: of a new sample; none when the device's clock hasn't moved.
        refusals: exceptions that were answered in place of values.
    """

    readings: Sequence[Reading]
    refusals: Sequence[ExceptionAnswerError] = ()


class GroupPoll:
    """Polls one read group.

    Attributes:
        unit_id: of the device.
        schedule: when it is polled.
        complete: whether its last poll brought all of its registers.
    """

    def __init__(self, settings: ReadGroup, unit_id: int, limits: ReadLimits, schedule: PollSchedule) -> None:
        self.unit_id = unit_id
        self.schedule = schedule
        self.complete = False
        self._registers = settings.registers
        self._sensors = tuple(register.sensor for register in settings.registers)
        self._clock = settings.clock
        self._plan = ReadPlan(settings.entries, limits)
        self._decoder = Decoder(self._registers, self._plan.blocks)
        self._dead_band = DeadBand(settings.registers) if any(item.dead_band for item in settings.registers) else None
        self._sample_time_us = 0
        self._look_again_s = 0.0

    @property
    def missing(self) -> tuple[Entry, ...]:
        """What the device doesn't have."""
        return self._plan.missing

    @property
    def has_nothing(self) -> bool:
        """Whether the device has none of it."""
        return not self._plan.blocks

    async def poll(self, read: Read, now_us: Callable[[], int], now_s: float) -> Poll:
        """Read the group once.

        Args:
            read: reads a block of its device.
            now_us: gives the box's time, microseconds since 1970 UTC.
            now_s: monotonic time.

        Raises:
            UnreachableError: from `read`.
        """
        if self.missing and now_s >= self._look_again_s:
            self._look_again_s = now_s + LOOK_AGAIN_S
            await self._look_again(read)
        answers = await self._read_blocks(read)
        if any(isinstance(answer, ExceptionAnswerError) and answer.about_range for answer in answers):
            self._look_again_s = now_s + LOOK_AGAIN_S
            await self._learn(read, answers)
            answers = await self._read_blocks(read)
        refusals = [answer for answer in answers if isinstance(answer, ExceptionAnswerError)]
        self.complete = not refusals and not self.missing
        contents = [answer if isinstance(answer, bytes) else None for answer in answers]
        received_us = source_us = now_us()
        if self._clock is not None:
            device_us = self._decoder.device_time_us(contents)
            if device_us is None:
                # Without its time a value might be an old one: none of them counts.
                contents = [None] * len(contents)
            elif device_us in (0, self._sample_time_us) or not await self._stands_still(read, device_us):
                return Poll([], refusals)
            else:
                self._sample_time_us = source_us = device_us
        return Poll(self._readings(self._decoder.values(contents), source_us, received_us, now_s), refusals)

    def _readings(self, values: Values, source_us: int, received_us: int, now_s: float) -> list[Reading]:
        if any(values.statuses):
            qualities = [_QUALITY[one] for one in values.statuses]
            readings = [
                Reading(sensor, number, quality, source_us, received_us, reason)
                for sensor, number, (quality, reason) in zip(self._sensors, values.numbers, qualities, strict=True)
            ]
        else:
            readings = [
                Reading(sensor, number, Quality.GOOD, source_us, received_us)
                for sensor, number in zip(self._sensors, values.numbers, strict=True)
            ]
        if self._dead_band is None:
            return readings
        return list(compress(readings, self._dead_band.chosen(values, now_s)))

    async def _read_blocks(self, read: Read) -> list[Answer]:
        """The answer to each block of the plan. When a gateway can't reach the device, the others aren't tried."""
        answers: list[Answer] = []
        for block in self._plan.blocks:
            try:
                answers.append(await read(block))
            except ExceptionAnswerError as error:
                unasked = len(self._plan.blocks) - len(answers) if error.from_gateway else 1
                answers += [error] * unasked
                if error.from_gateway:
                    break
        return answers

    async def _stands_still(self, read: Read, device_us: int) -> bool:
        """Whether the clock is still where it was, after reads of which only one brought it along."""
        if len(self._plan.blocks) == 1:
            return True
        block = self._decoder.clock_block
        try:
            contents = [await read(one) if one is block else None for one in self._plan.blocks]
        except ExceptionAnswerError:
            return False
        return self._decoder.device_time_us(contents) == device_us

    async def _look_again(self, read: Read) -> None:
        """Find out whether what the device didn't have is there now."""
        for entry in self.missing:
            with suppress(ExceptionAnswerError):
                await read(Block.of([entry]))
                self._plan.has(entry)
        self._decoder = Decoder(self._registers, self._plan.blocks)

    async def _learn(self, read: Read, answers: Sequence[Answer]) -> None:
        """Find out why blocks were refused, and plan anew."""
        for block, answer in zip(self._plan.blocks, answers, strict=True):
            if isinstance(answer, ExceptionAnswerError) and answer.about_range:
                with suppress(ExceptionAnswerError):
                    await self._take_apart(read, block)
        self._decoder = Decoder(self._registers, self._plan.blocks)

    async def _take_apart(self, read: Read, block: Block) -> None:
        """Halve a block that was refused until what the device has and what it hasn't are apart.

        Raises:
            ExceptionAnswerError: it refuses for another reason, so that nothing can be learnt now.
        """
        halves = block.halves()
        if halves is None:
            self._plan.lacks(block.entries[0])
            return
        refused = []
        for half in halves:
            try:
                await read(half)
            except ExceptionAnswerError as error:
                if not error.about_range:
                    raise
                refused.append(half)
        if not refused:
            self._plan.cut_before(halves[1])
        for half in refused:
            await self._take_apart(read, half)
