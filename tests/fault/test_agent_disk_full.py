"""The disk fills up under a running box: it says so once, and once when there is room again; nothing stored is lost."""

import ctypes
import errno
import os
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.store.losses import Cause
from agent.store.records import RecordClass
from tests.rig.agent import Agent
from tests.rig.recordings import CYCLE_US, unbroken, write
from tests.rig.rig import Rig
from tests.rig.until import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

DISK_BYTES = 24 * 2**20
WINDOWS = 3
"""Windows before the disk fills up, and again while it is full."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"size=%d" % DISK_BYTES):
        pytest.skip(f"can't mount a small file system: {errno.errorcode[ctypes.get_errno()]}")
    yield folder
    assert libc.umount2(os.fsencode(folder), 2) == 0


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path / "rig") as rig:
        yield rig


def fill(folder: Path) -> Path:
    """Another program takes what room there is."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(b"\1" * 4096):
            pass
    return filler


def start(rig: Rig, agent: Agent, tmp_path: Path) -> None:
    """Let it run until it has recorded some windows."""
    agent.settings["store"] |= {"min_free_bytes": 0}
    agent.start()
    rig.simulator.start(write(tmp_path / "recording", unbroken(8)), once=False)
    until(lambda: agent.windows() >= WINDOWS, "windows are recorded")


def assert_said_once(agent: Agent) -> None:
    wrong, over = agent.changes("store")
    assert (wrong.healthy, over.healthy) == (False, True)
    assert str(agent.data) in wrong.message
    assert wrong.hint


def assert_nothing_is_missing(agent: Agent) -> None:
    """Numbers of readings have no gap but what was shed, which the ledger knows; every window is there."""
    with agent.store() as store:
        shed = sum(loss.records for loss in store.losses() if loss.record_class is RecordClass.READING)
        assert all(loss.cause is Cause.DISK_FULL for loss in store.losses())
        held = store.statistics().readings
        starts = sorted(window.start_us for window in store.windows(1000))
        assert starts == list(range(starts[0], starts[-1] + 1, CYCLE_US))
    with sqlite3.connect(f"file:{agent.data / 'store.db'}?mode=ro", uri=True) as connection:
        numbered = connection.execute("SELECT max(first_counter + readings) FROM reading_block").fetchone()[0]
    assert held + shed == numbered


def test_on_a_full_disk_it_goes_on_with_the_room_it_has_kept_for_itself(
    rig: Rig, small_disk: Path, tmp_path: Path
) -> None:
    agent = rig.agent()
    agent.settings["data_directory"] = str(small_disk)
    start(rig, agent, tmp_path)
    fill(small_disk)
    assert shutil.disk_usage(small_disk).free == 0
    full_since = agent.windows()
    until(lambda: agent.windows() >= full_since + WINDOWS, "windows are recorded on the full disk")
    assert agent.changes("store") == []
    rig.simulator.kill()
    assert_nothing_is_missing(agent)


def test_with_no_room_at_all_it_waits_and_then_catches_up(rig: Rig, small_disk: Path, tmp_path: Path) -> None:
    agent = rig.agent()
    agent.settings["data_directory"] = str(small_disk)
    start(rig, agent, tmp_path)

    def still_full() -> bool:
        fill(small_disk)
        return bool(agent.changes("store"))

    until(still_full, "the box has nothing left to write to")
    filler = fill(small_disk)
    stuck_at = agent.windows()
    received = agent.status()["conditions"]["source rig"]
    assert received["healthy"]
    filler.unlink()
    until(lambda: agent.windows() >= stuck_at + WINDOWS, "it catches up")
    assert_said_once(agent)
    rig.simulator.kill()
    assert_nothing_is_missing(agent)


def test_writes_that_fail_are_made_again_when_they_succeed(rig: Rig, tmp_path: Path) -> None:
    """As with a failing disk; the kernel refuses writes past a file size, which takes no root."""
    agent = rig.agent()
    start(rig, agent, tmp_path)
    soft, hard = resource.prlimit(agent.program.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(agent.program.pid, resource.RLIMIT_FSIZE, (64 * 2**10, hard))
    until(lambda: agent.changes("store"), "the box notices")
    stuck_at = agent.windows()
    assert agent.program.running
    resource.prlimit(agent.program.pid, resource.RLIMIT_FSIZE, (soft, hard))
    until(lambda: agent.windows() >= stuck_at + WINDOWS, "it catches up")
    assert_said_once(agent)
    rig.simulator.kill()
    assert_nothing_is_missing(agent)
