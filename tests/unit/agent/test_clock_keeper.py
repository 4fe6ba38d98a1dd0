import asyncio
from dataclasses import dataclass

from structlog.testing import capture_logs

from agent.clock_keeper import CLOCK, ClockKeeper
from agent.status import AgentStatus
from edge_runtime.clock import ClockState


@dataclass
class Clock:
    state: ClockState = ClockState.BOUNDED
    kept: int = 0

    def keep_floor(self):
        self.kept += 1


class Status(AgentStatus):
    """One that says when the clock was looked at."""

    def __init__(self):
        super().__init__()
        self.looked = asyncio.Event()

    def beat(self, task):
        self.looked.set()


async def look(clock, status):
    """One look at the clock; returns what is said of it."""
    status.looked.clear()
    keeper = asyncio.create_task(ClockKeeper(clock, status).run())
    await status.looked.wait()
    keeper.cancel()
    await asyncio.gather(keeper, return_exceptions=True)
    return status.snapshot().conditions[CLOCK]


def test_the_status_says_in_words_how_the_clock_is_by_now():
    async def looks():
        clock, status = Clock(), Status()
        before = await look(clock, status)
        clock.state = ClockState.SYNCED
        return before, await look(clock, status)

    with capture_logs() as said:
        before, after = asyncio.run(looks())
    assert (before.message, after.message) == (
        "isn't synchronised, but is past all that is certainly past",
        "is synchronised",
    )
    assert [line["part"] for line in said].count(CLOCK) == 1, "it works before and after"


def test_a_clock_that_is_behind_what_is_past_fails_with_what_to_do():
    with capture_logs():
        condition = asyncio.run(look(Clock(ClockState.SUSPECT), Status()))
    assert not condition.healthy
    assert "timedatectl" in condition.hint
