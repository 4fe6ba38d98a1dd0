"""Kill -9 of a process that learns and restores baselines: whatever the moment, one whole version is in use."""

import itertools
import os
import random
import shutil
import signal
import sys
import time

import pytest

from edge_runtime.baseline.shelf import KEPT, BaselineShelf
from tests.forked import exit_code, start
from tests.models.working_machine import MACHINE, baseline_of, window_at

CHANGES = {"os.mkdir", "os.remove", "os.rename"}
WRITING = os.O_WRONLY | os.O_RDWR


def learned():
    return baseline_of([window_at(number) for number in range(6)])


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A shelf that is full, so that learning takes a version away."""
    folder = tmp_path_factory.mktemp("known") / "baseline"
    for _ in range(KEPT):
        BaselineShelf(folder).add(learned())
    return folder


def a_life(directory):
    shelf = BaselineShelf(directory)
    shelf.add(learned())
    shelf.restore()


def die_before_file_change(number, directory):
    count = itertools.count(1)

    def hook(event, arguments):
        changes = event in CHANGES or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING)
        if changes and next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    a_life(directory)


def live_for_ever(directory):
    while True:
        a_life(directory)


def check_whole(directory):
    """One of the versions is in use and whole, and learning goes on."""
    shelf = BaselineShelf(directory)
    active = shelf.active()
    assert active is not None
    assert active == learned().model_copy(update={"version": active.version})
    active.check_fits(MACHINE, 60.0)
    before = max(shelf.versions)
    assert shelf.add(learned()).version == before + 1
    assert len(shelf.versions) == KEPT


@pytest.mark.slow
def test_killed_before_each_single_change_to_a_file(known, tmp_path):
    for number in itertools.count(1):
        directory = tmp_path / str(number)
        shutil.copytree(known, directory)
        ended = exit_code(start(die_before_file_change, number, directory))
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        check_whole(directory)
    assert number > 10, "the hook saw too few changes to prove anything"


def test_killed_at_random_moments_again_and_again_on_the_same_shelf(known, tmp_path):
    directory = tmp_path / "baseline"
    shutil.copytree(known, directory)
    moment = random.Random(5)
    for _ in range(10):
        child = start(live_for_ever, directory)
        time.sleep(moment.uniform(0.02, 0.2))
        child.kill()
        assert exit_code(child) == -signal.SIGKILL
        check_whole(directory)
