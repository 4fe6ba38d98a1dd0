"""Kill -9 while settings of the centre are tried, kept and given up: the next run goes on where it was cut off."""

import asyncio
import itertools
import os
import random
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.remote.trial import TrialAction
from tests.forked import exit_code, start
from tests.remote_box import BEAT_S, DEAD, PATIENCE_S, PROBATION_S, WORKS, RemoteBox, sources

CHANGES = {"os.remove", "os.rename", "os.mkdir"}
WRITING = os.O_WRONLY | os.O_RDWR
LIFE = round(max(PROBATION_S, PATIENCE_S) / BEAT_S) + 4
"""Steps in which a version is kept or given up, with some to spare."""


def offered(folder: Path, *versions: int) -> RemoteBox:
    """The box, with what the centre offers: 1 and 3 are good, a source can't connect under 2."""
    box = RemoteBox(folder)
    for version in versions:
        if version == 2:
            box.publish(2, sources=sources(plc=DEAD, rig=WORKS))
        else:
            box.publish(version, alerts={"raise_after": 5 + version})
    return box


def live(folder: Path, versions: tuple[int, ...] = (1, 2)) -> RemoteBox:
    """A run of the agent: it meets one version after the other, each as soon as the one before is decided."""

    async def run() -> RemoteBox:
        box = RemoteBox(folder)
        agent = box.start()
        for count in range(1, len(versions) + 1):
            box.offers = offered(folder, *versions[:count]).offers
            await agent.steps(LIFE)
        check_running(agent, box)
        await agent.stop()
        return box

    with capture_logs():
        return asyncio.run(run())


def check_running(agent, box: RemoteBox) -> None:
    """What runs is what is written down, and only what proved itself."""
    trial = box.trials.read()
    assert trial.probation is None
    assert agent.reloader.running.remote == trial.active
    assert agent.hosts() == {"plc": WORKS, "rig": WORKS}


def die_before_file_change(number: int, folder: Path) -> None:
    count = itertools.count(1)

    def hook(event, arguments):
        changes = event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING)
        if changes and str(folder) in str(arguments[0]) and next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    live(folder)


def check_history(box: RemoteBox, killed: int = 1) -> None:
    """Every version was decided once; nothing came twice, and nothing that failed was kept."""
    events = [(event.version, event.action) for event in box.trials.read().history]
    assert max(Counter(events).values()) == 1
    assert (1, TrialAction.CONFIRMED) in events or killed > 1
    assert (2, TrialAction.CONFIRMED) not in events
    assert (2, TrialAction.ROLLED_BACK) in events
    assert events[-1] == (3, TrialAction.CONFIRMED)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("box") / "box"
    RemoteBox(folder).configure()
    return folder


@pytest.mark.slow
def test_killed_before_each_single_change_to_a_file(fresh: Path, tmp_path: Path) -> None:
    for number in itertools.count(1):
        folder = tmp_path / str(number)
        shutil.copytree(fresh, folder)
        ended = exit_code(start(die_before_file_change, number, folder))
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        check_history(live(folder, (1, 2, 3)))
    assert number > 20, "the hook saw too few changes to prove anything"


@pytest.mark.slow
def test_killed_again_and_again_it_ends_with_settings_that_work(fresh: Path, tmp_path: Path) -> None:
    moment = random.Random(5)
    for attempt in range(int(os.environ.get("HYDROSIGHT_KILLS", "100")) // 20):
        folder = tmp_path / str(attempt)
        shutil.copytree(fresh, folder)
        for _ in range(4):
            assert exit_code(start(die_before_file_change, moment.randrange(1, 25), folder)) in {0, -signal.SIGKILL}
        check_history(live(folder, (1, 2, 3)), killed=4)
