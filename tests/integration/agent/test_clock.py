"""A box without a battery for its clock: the agent starts in 1970, and later somebody tells it the time."""

import asyncio
import time

import pytest

from agent.box_clock import BUILD_TIME_US, BoxClock, system_monotonic_us
from agent.housekeeping import Housekeeping
from edge_runtime.quality import Quality, Reason, status
from edge_runtime.timeline import ClockLook
from tests.rig.agent_here import SENSOR, AgentHere
from tests.servers.running_source import until

pytestmark = pytest.mark.servers


class WallClock:
    """Says 1970 until it is told the time."""

    known = False

    def look(self):
        wall_us = time.time_ns() // 1000 if self.known else system_monotonic_us() % 10**12
        return ClockLook(wall_us, system_monotonic_us(), self.known)


async def test_readings_of_1970_have_their_right_times_once_the_clock_is_known(tmp_path, one_device, monkeypatch):
    monkeypatch.setattr(Housekeeping.run, "__defaults__", (0.1, asyncio.sleep))
    box = AgentHere(tmp_path, one_device)
    wall = WallClock()

    def stored():
        with box.store() as store:
            return store.series(0, 2**62).get(SENSOR), store.clock_entries()

    began_us = time.time_ns() // 1000
    async with box.running(BoxClock(box.data / "clock-floor", wall.look)):
        await until(lambda: (stored()[0] is not None) and len(stored()[0]) > 10)
        series, _ = stored()
        assert BUILD_TIME_US <= series.times_us[0] < series.times_us[-1] < BUILD_TIME_US + 60_000_000
        assert set(series.statuses) == {status(Quality.UNCERTAIN, Reason.CLOCK)}
        wall.known = True
        await until(lambda: stored()[1][0].restamped > 0 and not stored()[1][0].restamping)
        await until(lambda: len(stored()[0]) > 30)
    series, entries = stored()
    assert began_us <= series.times_us[0] < series.times_us[-1] <= time.time_ns() // 1000
    assert not series.statuses.any()
    assert len(entries) == 2
