"""Packing is deterministic, unpacking takes plain files alone."""

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.bundle_archive import FILE_NAME, MAX_FILES, pack_bundle, unpack_bundle
from edge_runtime.errors import BundleError, UpdateError

file_names = st.from_regex(FILE_NAME, fullmatch=True).filter(lambda name: len(name) < 50)


def pack(files: dict[str, bytes]) -> bytes:
    with TemporaryDirectory() as directory:
        for name, content in files.items():
            (Path(directory) / name).write_bytes(content)
        return pack_bundle(Path(directory), files)


def unpack(archive: bytes, **limits: int) -> dict[str, bytes]:
    with TemporaryDirectory() as directory:
        unpack_bundle(io.BytesIO(archive), Path(directory), **limits)
        return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


@given(st.dictionaries(file_names, st.binary(max_size=2000), max_size=8))
def test_what_is_packed_is_unpacked(files: dict[str, bytes]) -> None:
    assert unpack(pack(files)) == files


def test_archive_depends_on_names_and_contents_alone(tmp_path: Path) -> None:
    archives = []
    for folder, order, time in (("a", "xy", 1), ("b", "yx", 10**9)):
        (tmp_path / folder).mkdir()
        for name in order:
            (tmp_path / folder / name).write_text(name)
            (tmp_path / folder / name).chmod(0o600 if folder == "a" else 0o755)
            os.utime(tmp_path / folder / name, (time, time))
        archives.append(pack_bundle(tmp_path / folder, order))
    assert archives[0] == archives[1]


def crafted(*members: tarfile.TarInfo, content: bytes = b"") -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../outside", "a/../../outside", "folder/file", ".hidden", "..", "a\n", "a" * 101, "ä"]
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(UpdateError, match="not safe"):
        unpack(crafted(member(name)))


@pytest.mark.parametrize(
    "unsafe",
    [
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.LNKTYPE, "model.onnx"),
        member("folder", tarfile.DIRTYPE),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
        member("contiguous", tarfile.CONTTYPE),
    ],
    ids=lambda info: info.type.decode(),
)
def test_anything_but_plain_files_is_refused(unsafe: tarfile.TarInfo) -> None:
    with pytest.raises(UpdateError, match="is not a plain file"):
        unpack(crafted(unsafe))


def test_repeated_name_is_refused() -> None:
    with pytest.raises(UpdateError, match="is there twice"):
        unpack(crafted(member("model.onnx"), member("model.onnx")))


def test_too_many_files_are_refused_on_both_sides() -> None:
    names = [f"file-{number}" for number in range(MAX_FILES + 1)]
    with pytest.raises(UpdateError, match="one more than"):
        unpack(crafted(*map(member, names)))
    with pytest.raises(BundleError, match=f"at most {MAX_FILES}"):
        pack(dict.fromkeys(names, b""))


def test_contents_over_the_limit_are_refused_before_they_are_written(tmp_path: Path) -> None:
    archive = crafted(member("first"), member("second"), content=b"x" * 1000)
    with pytest.raises(UpdateError, match="larger than the bundle may be"):
        unpack_bundle(io.BytesIO(archive), tmp_path, max_bytes=1999)
    assert not (tmp_path / "second").exists()
    assert len(unpack(archive, max_bytes=2000)) == 2


@pytest.mark.parametrize("name", ["../outside", "folder/file", ".hidden"])
def test_a_name_that_would_not_be_unpacked_is_not_packed(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="can't be published"):
        pack_bundle(tmp_path, [name])


def damage(position: int, value: int) -> Callable[[bytes], bytes]:
    def apply(archive: bytes) -> bytes:
        at = position % len(archive)
        return archive[:at] + bytes([value]) + archive[at + 1 :]

    return apply


@given(position=st.integers(0, 2**16), value=st.integers(0, 255), length=st.integers(0, 2**16))
def test_a_damaged_archive_is_refused_or_harmless(position: int, value: int, length: int) -> None:
    files = {"manifest.json": b"{}" * 300, "model.onnx": b"weights" * 100}
    archive = damage(position, value)(pack(files))[:length]
    try:
        found = unpack(archive)
    except UpdateError:
        return
    assert all(FILE_NAME.fullmatch(name) for name in found)
