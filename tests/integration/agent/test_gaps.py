"""Every gap is in the ledger with its cause: a device that was away, and an agent that wasn't running."""

import pytest

from agent.store.gaps import GapCause
from tests.rig.agent_here import SENSOR, SOURCE, AgentHere
from tests.servers.running_source import until

pytestmark = pytest.mark.servers


async def test_a_device_away_and_a_stopped_agent_are_gaps_with_their_causes(tmp_path, one_device, monkeypatch):
    monkeypatch.setattr("agent.gap_watch.SILENT_AT_LEAST_US", 500_000)
    monkeypatch.setattr("agent.gap_watch.SILENT_PERIODS", 0)
    box = AgentHere(tmp_path, one_device)

    def gaps():
        with box.store() as store:
            return store.gaps()

    def heard():
        with box.store() as store:
            return len(store.series(0, 2**62).get(SENSOR, ()))

    async with box.running():
        await until(lambda: heard() > 10)
        await one_device.stop()
        await until(lambda: any(gap.cause is GapCause.SOURCE_DOWN for gap in gaps()))
        (lasting,) = gaps()
        assert (lasting.source, lasting.sensors, lasting.ended_us) == (SOURCE, (SENSOR,), None)
        assert lasting.detail
    before = heard()
    await one_device.start()
    async with box.running():
        await until(lambda: heard() > before and gaps()[-1].ended_us is not None)
        stopped, away = gaps()
    assert stopped.cause is GapCause.STOPPED
    assert (away.number, away.began_us) == (lasting.number, lasting.began_us)
    assert away.began_us <= stopped.began_us <= stopped.ended_us <= away.ended_us
