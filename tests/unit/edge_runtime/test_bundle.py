import hashlib
import json
import shutil

import pytest

from edge_runtime import bundle as module
from edge_runtime.bundle import file_sha256, open_bundle
from edge_runtime.errors import BundleError
from edge_runtime.novelty_file import write_regions
from tests.models.tiny_bundle import build_tiny_bundle, tiny_machine
from tests.unit.edge_runtime.test_novelty import region


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture
def folder(built, tmp_path):
    return shutil.copytree(built, tmp_path / "tiny")


def edit_manifest(folder, **changes):
    file = folder / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def listed(folder, **changes):
    return {**json.loads((folder / "manifest.json").read_text())["files"], **changes}


def test_a_whole_bundle_opens(folder):
    bundle = open_bundle(folder)
    assert bundle.machine == tiny_machine()
    assert bundle.manifest.name == "tiny"
    assert bundle.sha256 == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert bundle.model_path.is_file()


def test_a_listed_extra_file_is_allowed(folder):
    (folder / "NOTES.txt").write_bytes(b"notes")
    edit_manifest(folder, files=listed(folder, **{"NOTES.txt": hashlib.sha256(b"notes").hexdigest()}))
    assert "NOTES.txt" in open_bundle(folder).manifest.files


def test_where_signals_were_in_training_is_read_with_the_bundle(folder):
    assert open_bundle(folder).regions == {}
    write_regions({"pump": region()}, folder / "novelty.npz")
    edit_manifest(folder, files=listed(folder, **{"novelty.npz": file_sha256(folder / "novelty.npz")}))
    assert open_bundle(folder).regions["pump"].sensors == region().sensors


def test_a_file_of_regions_that_says_nothing_is_refused_when_the_bundle_is_opened(folder):
    (folder / "novelty.npz").write_bytes(b"nothing")
    edit_manifest(folder, files=listed(folder, **{"novelty.npz": file_sha256(folder / "novelty.npz")}))
    with pytest.raises(BundleError, match=r"novelty\.npz: isn't a file of trained regions"):
        open_bundle(folder)


@pytest.mark.parametrize("name", ["model.onnx", "golden.npz", "machine.yaml", "MODEL_CARD.md"])
def test_a_changed_file_is_named_with_what_was_expected_and_found(folder, name):
    file = folder / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    expected = json.loads((folder / "manifest.json").read_text())["files"][name]
    with pytest.raises(BundleError) as caught:
        open_bundle(folder)
    for part in (str(file), expected, hashlib.sha256(content).hexdigest()):
        assert part in str(caught.value)
    assert "again" in caught.value.hint


def test_a_missing_file_is_named(folder):
    (folder / "golden.npz").unlink()
    with pytest.raises(BundleError, match=r"lacks golden\.npz, which the manifest lists"):
        open_bundle(folder)


def test_an_unlisted_file_is_refused(folder):
    (folder / "payload.so").write_bytes(b"\x7fELF")
    with pytest.raises(BundleError, match=r"payload\.so: isn't listed"):
        open_bundle(folder)


def test_a_folder_inside_is_refused(folder):
    (folder / "more").mkdir()
    with pytest.raises(BundleError, match="more: isn't listed"):
        open_bundle(folder)


def test_a_link_is_refused_even_to_the_right_content(folder, tmp_path):
    outside = tmp_path / "model.onnx"
    (folder / "model.onnx").rename(outside)
    (folder / "model.onnx").symlink_to(outside)
    with pytest.raises(BundleError, match=r"model\.onnx: is a link"):
        open_bundle(folder)


def test_a_manifest_that_is_a_link_is_refused(folder, tmp_path):
    (folder / "manifest.json").rename(tmp_path / "manifest.json")
    (folder / "manifest.json").symlink_to(tmp_path / "manifest.json")
    with pytest.raises(BundleError, match=r"manifest\.json: is missing or not a plain file"):
        open_bundle(folder)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/b", ".hidden", "", "manifest.json", "a\x00b"])
def test_a_listed_name_outside_the_folder_is_refused(folder, name):
    edit_manifest(folder, files=listed(folder, **{name: "0" * 64}))
    with pytest.raises(BundleError, match="only plain names"):
        open_bundle(folder)


def test_a_required_file_must_be_listed(folder):
    files = listed(folder)
    del files["golden.npz"]
    edit_manifest(folder, files=files)
    with pytest.raises(BundleError, match=r"doesn't list golden\.npz"):
        open_bundle(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"[]", "manifest.json: "),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"schema_version": 1}', "name: Field required"),
        (b'{"schema_version": 7}', "has schema version 7, this agent reads up to 1"),
    ],
)
def test_a_manifest_that_cannot_be_read_says_why(folder, content, message):
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(BundleError, match=message):
        open_bundle(folder)


def test_a_bundle_for_a_newer_agent_is_refused(folder):
    edit_manifest(folder, minimum_agent_version="2.10.0")
    with pytest.raises(BundleError, match=r"needs agent 2\.10\.0 or newer, this is 2\.9\.1") as caught:
        open_bundle(folder, agent_version="2.9.1")
    assert "Update the agent" in caught.value.hint
    assert open_bundle(folder, agent_version="2.10.0").manifest.release == 1


@pytest.mark.parametrize("kind", ["features", "sequence", "residuals"])
def test_a_bundle_for_other_features_is_refused(folder, kind):
    edit_manifest(folder, **{kind: "other-9/3"})
    with pytest.raises(BundleError, match=f"{kind} is 'other-9/3', this agent computes"):
        open_bundle(folder)


def test_a_machine_file_that_does_not_fit_is_refused_with_its_line(folder):
    text = (folder / "machine.yaml").read_text().replace("rate_hz", "rate_khz")
    (folder / "machine.yaml").write_text(text)
    edit_manifest(folder, files=listed(folder, **{"machine.yaml": hashlib.sha256(text.encode()).hexdigest()}))
    with pytest.raises(BundleError, match=r"machine\.yaml:\d+: .*rate"):
        open_bundle(folder)


def test_what_is_too_large_is_refused(folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_BUNDLE_BYTES", 1000)
    with pytest.raises(BundleError, match="at most 1000 are allowed"):
        open_bundle(folder)
    monkeypatch.setattr(module, "MAX_MANIFEST_BYTES", 10)
    with pytest.raises(BundleError, match=r"manifest\.json: is \d+ bytes, at most 10"):
        open_bundle(folder)


def test_no_folder_is_an_error_with_a_hint(tmp_path):
    with pytest.raises(BundleError, match="no such bundle folder") as caught:
        open_bundle(tmp_path / "none")
    assert caught.value.hint


def test_a_file_that_cannot_be_read_is_a_bundle_error(folder, monkeypatch):
    def broken_disk(_path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "file_sha256", broken_disk)
    with pytest.raises(BundleError, match="Input/output error"):
        open_bundle(folder)
