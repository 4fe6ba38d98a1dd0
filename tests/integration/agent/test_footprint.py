"""What the agent takes of the box at the rig's native rates."""

from pathlib import Path

import psutil
import pytest

from tests.rig.recordings import FULL_RATE
from tests.rig.rig import Rig
from tests.rig.until import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

SPEED = 6
MOST_RESIDENT_BYTES = 200_000_000


def test_it_stays_within_200_megabytes(tmp_path: Path) -> None:
    """Two windows of seventeen channels, seven of them at 100 Hz."""
    with Rig(tmp_path / "rig") as rig:
        agent = rig.agent()
        for group in agent.settings["sources"]["modbus"][0]["groups"]:
            group["period_s"] = 0.008
        agent.settings["windows"]["lateness_s"] = 2
        agent.start()
        rig.simulator.start(FULL_RATE, speed=SPEED, once=False)
        until(lambda: agent.windows() >= 2, "two windows are recorded", timeout_s=180)
        assert agent.status()["readings"] > 10_000
        assert psutil.Process(agent.program.pid).memory_info().rss < MOST_RESIDENT_BYTES
