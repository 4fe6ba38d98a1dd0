"""The file system turns read-only, as Linux makes it when a disk fails: that is said, nothing is lost, and it can end.

A mounted file system that is in use can't be made read-only from outside, so for the running store its files are: each
descriptor that SQLite has open is replaced by one for reading. A store that is opened is on a mount that is read-only.
"""

import ctypes
import errno
import os
from contextlib import suppress
from pathlib import Path

import pytest

from agent.store.reader import StoreReader
from agent.store.store import Store
from edge_runtime.errors import StoreError, StoreFullError
from tests.stored import SECOND_US, diagnosis, readings, window

MS_RDONLY, MS_REMOUNT = 1, 32


def descriptors(folder):
    """The store's open files: descriptor and path."""
    found = {}
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # that of this very listing is closed by now
            path = descriptor.readlink()
            if path.parent == folder and path.name.endswith((".db", "-wal")):
                found[int(descriptor.name)] = path
    return found


def reopen_files(folder, flags):
    for descriptor, path in descriptors(folder).items():
        other = os.open(path, flags)
        os.dup2(other, descriptor)
        os.close(other)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store.db", "boot-1") as store:
        for second in range(10):
            store.append(readings(second))
        yield store


def test_under_a_running_store_writing_is_refused_reading_goes_on_and_storing_resumes(tmp_path, store):
    assert len(descriptors(tmp_path)) >= 2
    reopen_files(tmp_path, os.O_RDONLY)
    for write in (
        lambda: store.append(readings(10)),
        lambda: store.record(window(0), diagnosis(0), []),
        store.prune,
    ):
        with pytest.raises(StoreError) as refused:
            write()
        assert not isinstance(refused.value, StoreFullError), "nothing may be shed: no room would come of it"
        assert "hydrosight doctor" in refused.value.hint
    assert len(store.series(0, 20 * SECOND_US)["PS1"]) == 100
    assert store.losses() == []
    reopen_files(tmp_path, os.O_RDWR)
    store.append(readings(10))
    store.record(window(0), diagnosis(0), [])
    assert len(store.series(0, 20 * SECOND_US)["PS1"]) == 110
    assert store.statistics().readings_this_boot == 330


@pytest.fixture
def mount(tmp_path):
    """A file system of its own, that can be remounted; only root may."""
    folder = tmp_path / "disk"
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(flags):
        if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", flags, b"size=24m"):
            pytest.skip(f"can't mount a file system: {errno.errorcode[ctypes.get_errno()]}")
        return folder

    yield mount
    assert libc.umount2(os.fsencode(folder), 2) == 0


def test_a_store_on_a_read_only_mount_is_read_but_not_opened_for_writing(mount):
    path = mount(0) / "store.db"
    with Store.open(path, "boot-1") as store:
        store.append(readings(0))
    mount(MS_REMOUNT | MS_RDONLY)
    with pytest.raises(StoreError):
        Store.open(path, "boot-2")
    with StoreReader.open_read_only(path) as reader:
        assert len(reader.series(0, SECOND_US)["PS1"]) == 10
    mount(MS_REMOUNT)
    with Store.open(path, "boot-2") as store:
        assert store.salvage is None
        store.append(readings(1))
        assert len(store.series(0, 2 * SECOND_US)["PS1"]) == 20
