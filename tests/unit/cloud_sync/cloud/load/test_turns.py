"""Turns, by number and by weight."""

import asyncio
import random

import pytest

from cloud_sync.cloud.load.turns import Turns
from edge_runtime.errors import OverloadedError


async def test_whoever_comes_first_is_served_first_and_no_more_at_once_than_there_are_turns() -> None:
    turns, done, most = Turns(2, 60, "test"), [], 0

    async def work(number: int) -> None:
        nonlocal most
        async with turns.turn():
            most = max(most, turns.running)
            await asyncio.sleep(0)
            done.append(number)

    await asyncio.gather(*(work(number) for number in range(9)))

    assert done == list(range(9))
    assert most == 2
    assert (turns.running, turns.waiting) == (0, 0)


async def test_a_heavy_one_waits_for_room_and_is_not_overtaken_for_ever() -> None:
    turns, order = Turns(10, 60, "test"), []

    async def work(name: str, weight: int) -> None:
        async with turns.turn(weight):
            order.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(work("light", 6), work("heavy", 99), work("late", 1))

    assert order == ["light", "heavy", "late"]


async def test_who_waits_too_long_is_told_and_the_next_gets_the_turn() -> None:
    turns = Turns(1, 0.01, "ingest")

    async with turns.turn():
        with pytest.raises(OverloadedError, match="wait") as refused:
            async with turns.turn():
                pass
    assert refused.value.bottleneck == "ingest"
    async with turns.turn():
        assert turns.running == 1


async def test_one_that_gives_up_at_the_very_moment_its_turn_comes_leaves_it_to_the_next() -> None:
    turns, served = Turns(1, 60, "test"), []

    async def work(name: str) -> None:
        async with turns.turn():
            served.append(name)

    async with turns.turn():
        gone, late = asyncio.create_task(work("gone")), asyncio.create_task(work("late"))
        await asyncio.sleep(0)
        gone.cancel()
    await asyncio.wait([gone, late])

    assert gone.cancelled()
    assert served == ["late"]


async def test_whatever_happens_to_those_who_wait_no_turn_is_lost() -> None:
    """Some are cancelled, some time out, some fail in their turn, at moments of chance."""
    dice, turns = random.Random(1), Turns(5, 0.002, "test")

    async def work(weight: int) -> None:
        async with turns.turn(weight):
            await asyncio.sleep(dice.choice([0, 0.001]))
            if dice.random() < 0.2:
                raise ValueError

    for _ in range(30):
        tasks = [asyncio.create_task(work(dice.randint(1, 7))) for _ in range(20)]
        await asyncio.sleep(dice.choice([0, 0.001]))
        for task in dice.sample(tasks, 5):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    assert (turns.running, turns.waiting) == (0, 0)
    async with turns.turn(5):
        assert turns.running == 1
