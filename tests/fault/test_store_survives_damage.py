"""Bits flip, pages vanish, files are cut short: the store opens, gives no wrong reading and says what is lost."""

import os
import random
import shutil

import pytest

from agent.store.file_format import PAGE_BYTES
from agent.store.losses import Cause
from agent.store.store import Store
from tests.stored import SECOND_US, alert, diagnosis, readings, window

SECONDS = 120


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    """Files of a store that was closed, and of one that was copied while its log held most of it."""
    folder = tmp_path_factory.mktemp("intact")
    path = folder / "closed" / "store.db"
    with Store.open(path, "boot-1") as store:
        for second in range(SECONDS):
            store.append(readings(second, rate_hz=50))
        for minute in range(6):
            store.record(window(minute, samples=600), diagnosis(minute), [alert(f"a{minute}", minute)])
        store.next_batch()
        open_folder = folder / "open"
        open_folder.mkdir()
        for file in path.parent.glob("store.db*"):
            shutil.copy(file, open_folder)
    return folder


def truth():
    return {(item.sensor, item.source_time_us): item.value for n in range(SECONDS) for item in readings(n, rate_hz=50)}


def open_and_check(path):
    """Open a damaged store and compare it with what was put in. Returns the number of readings it still has."""
    expected = truth()
    with Store.open(path, "boot-2") as store:
        series = store.series(0, SECONDS * SECOND_US)
        found = 0
        for sensor, item in series.items():
            for time_us, value in zip(item.times_us.tolist(), item.values.tolist(), strict=True):
                assert expected[sensor, time_us] == value
                found += 1
        for item in store.windows(100):
            assert (
                item.channels[0].values.tobytes()
                == window(item.start_us // 60_000_000, 600).channels[0].values.tobytes()
            )
        for item in store.diagnoses(100):
            assert item == diagnosis(int(item.window_start.timestamp()) // 60)
        while batch := store.next_batch():
            store.acknowledge(batch.boot, batch.number)
        statistics = store.statistics()
        if store.salvage:
            assert store.salvage.set_aside.exists()
            if store.salvage.lost_readings or store.salvage.lost_records:
                assert {loss.cause for loss in store.losses()} == {Cause.DAMAGE}
        elif found < len(expected):
            assert statistics.damaged > 0, "what is missing was counted"
        store.append(readings(SECONDS))
        assert len(store.series(SECONDS * SECOND_US, (SECONDS + 1) * SECOND_US)["PS1"]) == 10
    return found


@pytest.mark.parametrize("state", ["closed", "open"])
@pytest.mark.parametrize("seed", range(25))
def test_flipped_bytes_anywhere(intact, tmp_path, state, seed):
    shutil.copytree(intact / state, tmp_path / "data")
    chance = random.Random(f"{state} {seed}")
    damaged = tmp_path / "data" / chance.choice(["store.db", "store.db-wal"] if state == "open" else ["store.db"])
    content = bytearray(damaged.read_bytes())
    for _ in range(chance.choice([1, 3, 20, 200])):
        content[chance.randrange(len(content))] ^= chance.randint(1, 255)
    damaged.write_bytes(content)
    open_and_check(tmp_path / "data" / "store.db")


@pytest.mark.parametrize("position", range(0, 100, 3))
def test_a_flipped_byte_in_the_header(intact, tmp_path, position):
    shutil.copytree(intact / "closed", tmp_path / "data")
    path = tmp_path / "data" / "store.db"
    content = bytearray(path.read_bytes())
    content[position] ^= 0x55
    path.write_bytes(content)
    open_and_check(path)


@pytest.mark.parametrize("seed", range(10))
def test_pages_that_read_as_zeroes_or_as_another_page(intact, tmp_path, seed):
    shutil.copytree(intact / "closed", tmp_path / "data")
    path = tmp_path / "data" / "store.db"
    chance = random.Random(seed)
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 5])):
        page, other = (PAGE_BYTES * chance.randrange(len(content) // PAGE_BYTES) for _ in range(2))
        content[page : page + PAGE_BYTES] = bytes(PAGE_BYTES) if seed % 2 else content[other : other + PAGE_BYTES]
    path.write_bytes(content)
    open_and_check(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_of_a_file_cut_short_what_is_left_of_its_readings_is_kept(intact, tmp_path, share):
    shutil.copytree(intact / "closed", tmp_path / "data")
    path = tmp_path / "data" / "store.db"
    os.truncate(path, int(path.stat().st_size * share))
    assert open_and_check(path) > (share - 0.3) * len(truth())


def test_one_lost_page_in_the_middle_costs_less_than_a_tenth(intact, tmp_path):
    shutil.copytree(intact / "closed", tmp_path / "data")
    path = tmp_path / "data" / "store.db"
    content = bytearray(path.read_bytes())
    page = len(content) // PAGE_BYTES // 2 * PAGE_BYTES
    content[page : page + PAGE_BYTES] = os.urandom(PAGE_BYTES)
    path.write_bytes(content)
    assert open_and_check(path) > 0.9 * len(truth())


def test_the_log_of_a_killed_writer_is_recovered_whole(intact, tmp_path):
    shutil.copytree(intact / "open", tmp_path / "data")
    assert (tmp_path / "data" / "store.db-wal").stat().st_size > 100_000
    assert open_and_check(tmp_path / "data" / "store.db") == len(truth())
