import shutil
import sqlite3
from contextlib import closing

import pytest

from agent.store.connection import connect
from agent.store.file_format import log_is_damaged, mend_header, mend_log


@pytest.fixture(params=[1024, 4096])
def page_bytes(request, monkeypatch):
    """Of new files, and of those that the first version made."""
    monkeypatch.setattr("agent.store.connection.PAGE_BYTES", request.param)
    return request.param


@pytest.fixture
def frame(page_bytes):
    return 24 + page_bytes


@pytest.fixture
def path(tmp_path, page_bytes):
    """Eight commits of one frame each, the last one in the log only, copied away from under the writer."""
    connection = connect(tmp_path / "live.db")
    connection.execute("CREATE TABLE number (id INTEGER PRIMARY KEY)")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    for number in range(8):
        connection.execute("INSERT INTO number VALUES (?)", (number,))
    for suffix in ("", "-wal"):
        shutil.copy(tmp_path / f"live.db{suffix}", tmp_path / f"copy.db{suffix}")
    connection.close()
    return tmp_path / "copy.db"


@pytest.fixture
def log(path):
    return path.with_name("copy.db-wal")


def numbers(path):
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM number")]


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0xFF
    path.write_bytes(content)


def test_a_sound_log_is_sound_and_mending_leaves_it_as_it_is(path, log):
    before = log.read_bytes()
    assert not log_is_damaged(log)
    mend_log(log)
    assert log.read_bytes() == before
    assert numbers(path) == list(range(8))


@pytest.mark.parametrize(
    ("frames", "position"), [(0, 5), (0, 10), (0, 17), (0, 30), (0, 32 + 9), (0, 32 + 20), (1, 932), (3, 132)]
)
def test_a_log_damaged_before_its_end_is_noticed_and_its_commits_are_got_back(path, log, frame, frames, position):
    flip(log, frames * frame + position)
    assert log_is_damaged(log)
    mend_log(log)
    assert not log_is_damaged(log)
    assert numbers(path) == list(range(8))


def test_a_commit_cut_short_by_the_loss_of_power_is_no_damage(path, log, frame):
    flip(log, 32 + 7 * frame + 900)
    assert not log_is_damaged(log)
    assert numbers(path) == list(range(7))


@pytest.mark.parametrize("length", [0, 10, 32, 100, 32 + 1024 + 23])
def test_a_log_without_a_whole_frame_holds_nothing_to_lose(log, length):
    log.write_bytes(log.read_bytes()[:length])
    assert not log_is_damaged(log)
    mend_log(log)
    assert log.stat().st_size == length


def test_frames_left_over_from_before_are_not_taken_for_new_ones(tmp_path, frame):
    connection = connect(tmp_path / "live.db")
    connection.execute("CREATE TABLE number (id INTEGER PRIMARY KEY)")
    for number in range(20):
        connection.execute("INSERT INTO number VALUES (?)", (number,))
    connection.execute("PRAGMA wal_checkpoint(FULL)").fetchall()
    connection.execute("INSERT INTO number VALUES (99)")  # overwrites the first frame, with other salts
    log = tmp_path / "live.db-wal"
    assert log.stat().st_size > 10 * frame
    assert not log_is_damaged(log)
    copy = tmp_path / "copy.db"
    shutil.copy(tmp_path / "live.db", copy)
    shutil.copy(log, tmp_path / "copy.db-wal")
    connection.close()
    mend_log(tmp_path / "copy.db-wal")
    assert numbers(copy) == [*range(20), 99]


@pytest.mark.parametrize("position", [0, 16, 17, 18, 19, 20, 21, 47, 59])
def test_a_header_is_mended(path, log, position):
    log.unlink()
    before = path.read_bytes()
    flip(path, position)
    mend_header(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"a text of some length " * 100])
def test_a_file_that_is_no_store_is_left_alone(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    mend_header(path)
    assert path.read_bytes() == content
