import pytest

from edge_runtime.durable import replace_file, replace_folder


def test_a_failed_write_leaves_the_old_content(tmp_path, monkeypatch):
    file = tmp_path / "state.json"
    replace_file(file, b"old")

    def no_room(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge_runtime.durable.os.fsync", no_room)
    with pytest.raises(OSError, match="No space left"):
        replace_file(file, b"new")
    assert file.read_bytes() == b"old"


def test_a_folder_is_replaced_whole_and_leftovers_of_a_cut_off_run_are_cleared(tmp_path):
    source, target = tmp_path / "source", tmp_path / "slot"
    for folder, name, text in (
        (source, "model", "new"),
        (target, "former", "old"),
        (tmp_path / "slot.partial", "half", "half a file"),
    ):
        folder.mkdir()
        (folder / name).write_text(text)
    (source / "not named").write_text("stays behind")
    replace_folder(target, source, ["model"])
    assert sorted(path.name for path in tmp_path.rglob("*") if path.parent == target) == ["model"]
    assert (target / "model").read_text() == "new"
    assert not (tmp_path / "slot.partial").exists()
