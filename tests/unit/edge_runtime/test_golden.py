import json
import shutil

import numpy as np
import pytest

from edge_runtime import golden as module
from edge_runtime.backends.base import ModelOutput
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.errors import BundleError, GoldenMismatchError
from edge_runtime.golden import GoldenWindows, check_golden, run_windows
from tests.models.tiny_bundle import build_tiny_bundle, tiny_machine, window_of, write_manifest, write_tiny_model


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture
def folder(built, tmp_path):
    return shutil.copytree(built, tmp_path / "tiny")


class Drifting:
    """A backend whose device computes a little, or much, differently."""

    name = "drifting"

    def __init__(self, inner, by):
        self.inner, self.by, self.inputs = inner, by, inner.inputs

    def run(self, sample):
        output = self.inner.run(sample)
        return ModelOutput(output.level_logits, output.fault_logits + np.float32(self.by))


def test_a_bundle_reproduces_its_own_windows_from_raw_signals(folder):
    bundle = open_bundle(folder)
    assert check_golden(bundle, OnnxBackend(bundle.model_path)) == 0.0


def test_windows_and_outputs_come_back_as_they_were_written(tmp_path):
    machine = tiny_machine()
    model = OnnxBackend(write_tiny_model(tmp_path / "model.onnx"))
    windows = (window_of(machine, silent=("FS1",)), window_of(machine, start_us=60_000_000))
    windows[1].channels[0].values[3] = np.nan
    written = GoldenWindows(windows, run_windows(machine, windows, model))
    written.write(tmp_path / "golden.npz")
    read = GoldenWindows.read(tmp_path / "golden.npz", machine)
    for mine, theirs in zip(read.windows, windows, strict=True):
        assert (mine.machine, mine.start_us, mine.end_us) == (theirs.machine, theirs.start_us, theirs.end_us)
        for channel, original in zip(mine.channels, theirs.channels, strict=True):
            assert (channel.sensor, channel.step_us) == (original.sensor, original.step_us)
            np.testing.assert_array_equal(channel.values, original.values)
            assert channel.values.dtype == np.float32
    np.testing.assert_array_equal(read.outputs[1].fault_logits, written.outputs[1].fault_logits)


def test_the_same_windows_give_the_same_bytes(tmp_path):
    golden = GoldenWindows.read(build_tiny_bundle(tmp_path / "b") / "golden.npz", tiny_machine())
    for name in ("one.npz", "two.npz"):
        golden.write(tmp_path / name)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_a_device_within_the_tolerance_passes_and_beyond_it_does_not(folder):
    bundle = open_bundle(folder)
    backend = OnnxBackend(bundle.model_path)
    assert check_golden(bundle, Drifting(backend, 5e-4)) == pytest.approx(5e-4, rel=0.01)
    with pytest.raises(GoldenMismatchError, match=r"on drifting .* differ by 0\.01 .* 0\.001 is allowed"):
        check_golden(bundle, Drifting(backend, 1e-2))


def test_an_output_that_is_no_number_never_passes(folder):
    bundle = open_bundle(folder)
    with pytest.raises(GoldenMismatchError):
        check_golden(bundle, Drifting(OnnxBackend(bundle.model_path), np.nan))


def test_another_model_in_the_bundle_is_found_out(folder):
    write_tiny_model(folder / "model.onnx", level_bias=0.5)
    write_manifest(folder, name="tiny", version="1.0.1", release=2, machine=tiny_machine())
    bundle = open_bundle(folder)
    with pytest.raises(GoldenMismatchError, match=r"model tiny 1\.0\.1"):
        check_golden(bundle, OnnxBackend(bundle.model_path))


def test_golden_windows_of_another_machine_are_refused(folder):
    machine = tiny_machine()
    fewer = machine.model_copy(update={"sensors": machine.sensors[1:]})
    with pytest.raises(BundleError, match=r"golden\.npz: isn't a file of golden windows of machine 'tiny'"):
        GoldenWindows.read(folder / "golden.npz", fewer)


def test_outputs_for_other_nodes_are_refused(folder):
    bundle = open_bundle(folder)
    golden = GoldenWindows.read(bundle.golden_path, bundle.machine)
    cut = tuple(ModelOutput(o.level_logits[:2], o.fault_logits[:2]) for o in golden.outputs)
    GoldenWindows(golden.windows, cut).write(bundle.golden_path)
    with pytest.raises(BundleError, match=r"expects outputs of shape \(2, 4\), the model gives \(4, 4\)"):
        check_golden(bundle, OnnxBackend(bundle.model_path))


@pytest.mark.parametrize("position", range(0, 100, 9))
def test_a_damaged_file_is_a_bundle_error_or_reads_the_same(folder, position):
    file = folder / "golden.npz"
    content = bytearray(file.read_bytes())
    content[len(content) * position // 100] ^= 0xFF
    file.write_bytes(content)
    try:
        golden = GoldenWindows.read(file, tiny_machine())
    except BundleError:
        return
    assert len(golden.windows) == 2


def test_pickles_are_never_loaded(folder):
    np.savez(folder / "golden.npz", bounds=np.array([object()], dtype=object))
    with pytest.raises(BundleError, match="allow_pickle=False"):
        GoldenWindows.read(folder / "golden.npz", tiny_machine())


def test_an_archive_that_unpacks_to_too_much_is_refused(folder, monkeypatch):
    monkeypatch.setattr(module, "MAX_UNPACKED_BYTES", 100)
    with pytest.raises(BundleError, match="unpacks to"):
        GoldenWindows.read(folder / "golden.npz", tiny_machine())


def test_no_golden_window_is_no_proof(folder):
    np.savez(
        folder / "golden.npz",
        bounds=np.zeros((0, 2), np.int64),
        steps=np.zeros((0, 4), np.int64),
        level_logits=np.zeros((0, 4, 4), np.float32),
        fault_logits=np.zeros((0, 4, 9), np.float32),
    )
    bundle = open_bundle_with_new_hashes(folder)
    with pytest.raises(BundleError, match="holds no window"):
        check_golden(bundle, OnnxBackend(bundle.model_path))


def open_bundle_with_new_hashes(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    write_manifest(
        folder, name=manifest["name"], version=manifest["version"], release=manifest["release"], machine=tiny_machine()
    )
    return open_bundle(folder)
