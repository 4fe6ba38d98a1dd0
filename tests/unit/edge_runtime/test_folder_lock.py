import fcntl

import pytest

from edge_runtime.folder_lock import locked


def is_held(folder):
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_the_folder_is_made_and_held_for_the_block(tmp_path):
    folder = tmp_path / "new" / "folder"
    with locked(folder):
        assert is_held(folder)
    assert not is_held(folder)


def test_after_an_error_it_is_free(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    assert not is_held(tmp_path)


def test_a_new_folder_may_be_private(tmp_path):
    with locked(tmp_path / "private", mode=0o700):
        assert (tmp_path / "private").stat().st_mode & 0o777 == 0o700
