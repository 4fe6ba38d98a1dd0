from contextlib import suppress

import pytest

from edge_runtime.errors import RecordingError
from edge_runtime.unfinished_file import UnfinishedFile


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "folder" / "signals.csv"
    file.parent.mkdir()
    file.write_text("old")
    return file


def content(file):
    return {each.name: each.read_text() for each in file.parent.iterdir()}


def test_it_has_its_name_once_it_is_whole(file):
    with UnfinishedFile(file) as unfinished:
        unfinished.partial.write_text("new")
        assert file.read_text() == "old"
    assert content(file) == {"signals.csv": "new"}


def test_the_folder_is_made(tmp_path):
    with UnfinishedFile(tmp_path / "a" / "b" / "file") as unfinished:
        unfinished.partial.write_text("new")
    assert unfinished.file.read_text() == "new"


def test_after_an_error_what_was_there_stays(file):
    with suppress(KeyboardInterrupt), UnfinishedFile(file) as unfinished:
        unfinished.partial.write_text("half")
        raise KeyboardInterrupt
    assert content(file) == {"signals.csv": "old"}


def test_what_is_discarded_leaves_what_was_there(file):
    with UnfinishedFile(file) as unfinished:
        unfinished.partial.write_text("nothing in it")
        unfinished.discard()
    assert content(file) == {"signals.csv": "old"}


def test_an_error_of_writing_names_the_folder(file):
    full = pytest.raises(RecordingError, match="folder: can't be written: No space left")
    with full, UnfinishedFile(file) as unfinished, unfinished.errors_named():
        raise OSError(28, "No space left on device")


def test_an_error_of_reading_meanwhile_is_not_taken_for_one_of_writing(file):
    with pytest.raises(OSError, match="the source is gone"), UnfinishedFile(file):
        raise OSError("the source is gone")


def test_a_name_that_a_folder_has_is_said(file):
    file.unlink()
    (file / "in the way").mkdir(parents=True)
    unfinished = UnfinishedFile(file)
    unfinished.partial.write_text("new")
    with pytest.raises(RecordingError, match="can't be written"), unfinished:
        pass
    assert not unfinished.partial.exists()
