"""`make demo`, as a visitor sees it: it runs without a terminal, tells the whole story and ends well."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.servers
@pytest.mark.slow
def test_the_demo_tells_its_whole_story():
    done = subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for part in (
        "Enrolled as",
        "ALERT failure: ",
        "The box has taken over to model",
        "windows, by sensor",
        "0 missing, 0 twice",
        "nothing left running",
    ):
        assert part in done.stdout
