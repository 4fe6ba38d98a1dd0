"""Whatever a device sends: a delivered value is one that it holds at that moment, and the source mends itself.

HYDROSIGHT_FUZZ_EXAMPLES sets how many courses of misbehaviour are tried.
"""

import asyncio
import os
import random
import time
from itertools import groupby

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.sources.modbus.settings import ModbusSettings
from agent.sources.modbus.source import ModbusSource
from edge_runtime.quality import Quality, Reason
from tests.servers.modbus_wire import MbapFrames, RtuFrames, WireDevice
from tests.servers.running_source import until

EXAMPLES = int(os.environ.get("HYDROSIGHT_FUZZ_EXAMPLES", "20"))
TIMEOUT_S = 0.06
SENSORS = 5
POISON = -1
"""A number that the device never holds."""


class MisbehavingDevice(WireDevice):
    """Its registers hold the number of the request that reads them, for as long as nobody asks again."""

    def __init__(self, frames, course):
        super().__init__(frames)
        self.course = list(course)

    @property
    def held(self):
        return float(len(self.requests))

    async def respond(self, request, send):
        self.put_floats(1, "holding", 0, *[self.held] * SENSORS)
        proper = self.pdu(request)
        self.put_floats(1, "holding", 0, *[POISON] * SENSORS)
        wrong = self.pdu(request)
        misbehaviour = self.course.pop(0) if self.course else good
        await misbehaviour(self.frames, request, proper, wrong, send)


async def good(frames, request, proper, wrong, send):
    send(frames.answer(request.transaction, request.unit, proper))


async def late(frames, request, proper, wrong, send):
    await asyncio.sleep(1.5 * TIMEOUT_S)
    send(frames.answer(request.transaction, request.unit, proper))


async def never(frames, request, proper, wrong, send):
    pass


async def for_another_transaction(frames, request, proper, wrong, send):
    send(frames.answer(request.transaction + 1, request.unit, wrong))


async def for_no_transaction(frames, request, proper, wrong, send):
    send(frames.answer(0, request.unit, wrong))


async def of_another_unit(frames, request, proper, wrong, send):
    send(frames.answer(request.transaction, request.unit + 1, wrong))


async def of_another_function(frames, request, proper, wrong, send):
    send(frames.answer(request.transaction, request.unit, b"\x04" + wrong[1:]))


async def of_an_unknown_function(frames, request, proper, wrong, send):
    send(frames.answer(request.transaction, request.unit, b"\x63" + wrong[1:]))


async def an_empty_exception(frames, request, proper, wrong, send):
    send(frames.answer(request.transaction, request.unit, b"\x83"))


async def of_another_size(frames, request, proper, wrong, send):
    send(frames.answer(request.transaction, request.unit, wrong[:1] + bytes([wrong[1] - 2]) + wrong[2:-2]))


async def longer_than_it_says(frames, request, proper, wrong, send):
    send(frames.answer(request.transaction, request.unit, wrong + b"\0\1"))


async def shorter_than_it_says(frames, request, proper, wrong, send):
    send(frames.answer(request.transaction, request.unit, wrong[:-3]))


async def in_pieces(frames, request, proper, wrong, send):
    content = frames.answer(request.transaction, request.unit, proper)
    send(content[:5])
    await asyncio.sleep(0.005)
    send(content[5:])


async def twice(frames, request, proper, wrong, send):
    send(2 * frames.answer(request.transaction, request.unit, proper))


async def an_exception(frames, request, proper, wrong, send):
    send(frames.answer(request.transaction, request.unit, b"\x83\x06"))


async def byte_by_byte(frames, request, proper, wrong, send):
    for byte in frames.answer(request.transaction, request.unit, proper):
        send(bytes([byte]))
        await asyncio.sleep(TIMEOUT_S / 4)


async def ends_midway(frames, request, proper, wrong, send):
    send(frames.answer(request.transaction, request.unit, proper)[:9])
    raise ConnectionAbortedError


def garbage(content):
    async def garbage(frames, request, proper, wrong, send):
        send(content)

    garbage.__name__ = f"garbage({content!r})"
    return garbage


def flipped(places):
    async def flipped(frames, request, proper, wrong, send):
        content = bytearray(frames.answer(request.transaction, request.unit, proper))
        for place in places:
            content[place % 7] ^= 1 << place % 8  # the header: over TCP the content has no check of its own
        send(bytes(content))

    flipped.__name__ = f"flipped({places})"
    return flipped


ANYWHERE = [late, never, of_another_unit, of_another_function, of_an_unknown_function, an_empty_exception]
ANYWHERE += [of_another_size, longer_than_it_says, shorter_than_it_says, in_pieces, an_exception, byte_by_byte]
ANYWHERE += [ends_midway, good]
ONLY_WITH_TRANSACTIONS = [for_another_transaction, for_no_transaction, twice]


def courses(*misbehaviours):
    known = st.sampled_from([*ANYWHERE, *misbehaviours])
    random_bytes = st.builds(garbage, st.binary(min_size=1, max_size=300))
    return st.lists(known | random_bytes | st.builds(flipped, st.lists(st.integers(0, 60), min_size=1)), max_size=4)


async def held_throughout(frames, course, transport):
    device = MisbehavingDevice(frames, course)
    wrong, good_values, statuses = [], [], []

    def deliver(readings, stored=None):
        for reading in readings:
            if reading.quality is Quality.GOOD:
                good_values.append(reading.value)
                if reading.value != device.held:
                    wrong.append((reading.value, device.held))
            elif reading.reason is not Reason.DEVICE_FAULT:
                wrong.append((reading.reason, device.held))

    registers = [{"sensor": f"S{k}", "address": 2 * k} for k in range(SENSORS)]
    async with device.over_tcp() as port:
        source = ModbusSource(
            ModbusSettings.model_validate(
                {
                    "name": "plc",
                    "transport": {"type": transport, "host": "127.0.0.1", "port": port},
                    "timeout_s": TIMEOUT_S,
                    "longest_retry_s": 0.02,
                    "groups": [{"period_s": 0.005, "registers": registers}],
                }
            ),
            now_us=lambda: time.time_ns() // 1000,
            rng=random.Random(1),
        )
        task = asyncio.create_task(source.run(deliver, statuses.append))
        await until(lambda: not device.course or task.done())
        seen = len(good_values)
        await until(lambda: len(good_values) >= seen + 2 * SENSORS or task.done())
        assert not task.done(), task.exception()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert wrong == []
    assert statuses == [] or statuses[-1].healthy
    spells = [list(spell) for healthy, spell in groupby(statuses, lambda status: status.healthy) if not healthy]
    assert all(len({status.message for status in spell}) == len(spell) for spell in spells)


fuzzed = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@fuzzed
@given(courses(*ONLY_WITH_TRANSACTIONS))
def test_over_tcp_no_value_is_delivered_that_the_device_does_not_hold(course):
    asyncio.run(held_throughout(MbapFrames(), course, "tcp"))


@fuzzed
@given(courses())
def test_over_rtu_no_value_is_delivered_that_the_device_does_not_hold(course):
    asyncio.run(held_throughout(RtuFrames(), course, "rtu_over_tcp"))


@pytest.mark.parametrize("misbehaviour", [*ANYWHERE, *ONLY_WITH_TRANSACTIONS], ids=lambda one: one.__name__)
def test_each_misbehaviour_is_survived(misbehaviour):
    asyncio.run(held_throughout(MbapFrames(), [good, misbehaviour, misbehaviour], "tcp"))
