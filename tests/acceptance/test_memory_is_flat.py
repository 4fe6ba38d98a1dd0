"""What the agent does with readings, for a simulated day: its memory doesn't grow with time, nor with a full store."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scipy.stats import theilslopes

from tests.acceptance import a_day_of_the_rig
from tests.rig.recordings import REPOSITORY

pytestmark = pytest.mark.slow

HOURS = int(os.environ.get("HYDROSIGHT_SIMULATED_HOURS", "24"))
WARM_UP_HOURS = 6
MB_PER_DAY = 2.0
"""Less than the noise of the measurement; a reading that stays in memory each second would be 10 MB a day."""


def test_memory_is_flat_over_a_day(tmp_path: Path) -> None:
    bundle = REPOSITORY / "configs" / "models" / "zema-rig"
    done = subprocess.run(
        [sys.executable, a_day_of_the_rig.__file__, str(tmp_path), str(bundle), str(HOURS)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    memory = json.loads(done.stdout)[WARM_UP_HOURS:]
    mb_per_hour = theilslopes(memory).slope  # a median: pages that the kernel takes away for an hour are no trend
    assert mb_per_hour * 24 < MB_PER_DAY, memory
