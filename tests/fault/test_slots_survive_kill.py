"""Kill -9 of a process that changes the slots: whatever the moment, the state is readable and the active slot whole."""

import itertools
import os
import random
import shutil
import signal
import sys
import time

import pytest

from edge_runtime.bundle import open_bundle
from edge_runtime.slot_state import SlotAction
from edge_runtime.slots import Slots
from tests.forked import exit_code, start
from tests.models.tiny_bundle import build_tiny_bundle

RELEASES = (1, 2, 3, 4)
CHANGES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir"}
WRITING = os.O_WRONLY | os.O_RDWR


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    return {release: build_tiny_bundle(folder / str(release), release=release) for release in RELEASES}


@pytest.fixture(scope="module")
def seeded(bundles, tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeded") / "models"
    Slots(folder).seed(bundles[1])
    return folder


def a_life_of_updates(directory, bundles):
    slots = Slots(directory)
    slots.install(bundles[2])
    slots.activate(5)
    slots.record_start()
    slots.record_window()
    slots.roll_back("killed while rolling back")
    slots.install(bundles[3])
    slots.activate(1)
    slots.record_window()


def die_before_file_change(number, directory, bundles):
    count = itertools.count(1)

    def hook(event, arguments):
        changes = event in CHANGES or (event == "open" and arguments[2] & WRITING)
        if changes and next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    a_life_of_updates(directory, bundles)


def change_for_ever(directory, bundles, seed):
    choose = random.Random(seed)
    slots = Slots(directory)
    while True:
        slots.confirm()
        slots.install(bundles[choose.choice(RELEASES)], allow_older=True)
        slots.activate(choose.randrange(3))
        slots.record_window()
        slots.roll_back("again")


def check_whole(directory, bundles):
    """The state is as it was written, everything it points at is whole, and an update goes through."""
    slots = Slots(directory)
    state = slots.state
    assert SlotAction.RECOVERED not in {event.action for event in state.history}, "state.json was damaged"
    for slot in {state.active, state.previous, state.candidate} - {None}:
        bundle = open_bundle(directory / slot)
        assert bundle.manifest.release == state.release_in(slot)
    assert slots.active is not None
    assert slots.highest_release >= open_bundle(slots.active).manifest.release
    slots.confirm()
    slots.install(bundles[4], allow_older=True)
    assert open_bundle(slots.activate(0)).manifest.release == 4


@pytest.mark.slow
def test_killed_before_each_single_change_to_a_file(bundles, seeded, tmp_path):
    for number in itertools.count(1):
        directory = tmp_path / str(number)
        shutil.copytree(seeded, directory)
        ended = exit_code(start(die_before_file_change, number, directory, bundles))
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        check_whole(directory, bundles)
    assert number > 50, "the hook saw too few changes to prove anything"
    assert open_bundle(Slots(directory).active).manifest.release == 3


def test_killed_at_random_moments_again_and_again_on_the_same_slots(bundles, seeded, tmp_path):
    directory = tmp_path / "models"
    shutil.copytree(seeded, directory)
    moment = random.Random(11)
    for seed in range(20):
        child = start(change_for_ever, directory, bundles, seed)
        time.sleep(moment.uniform(0.01, 0.3))
        child.kill()
        assert exit_code(child) == -signal.SIGKILL
        check_whole(directory, bundles)
