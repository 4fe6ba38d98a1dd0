from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.errors import TrainingError
from edge_runtime.golden import check_golden
from edge_runtime.manifest import ConditionCalibration, TrainingData
from gnn.model import ModelConfig, UniversalTemporalGNN
from tests.unit.training.conftest import MACHINE_FILE
from training.build_bundle import BundleParts, build_bundle, healthy_baseline, spread
from training.cross_fit import TrainingWindows
from training.trained_region import fit_regions


def parts(data: TrainingWindows) -> BundleParts:
    torch.manual_seed(0)
    return BundleParts(
        name="tiny",
        version="1.2.3",
        release=4,
        created=datetime(2020, 1, 1, tzinfo=UTC),
        minimum_agent_version="0.1.0",
        window_s=60.0,
        model=UniversalTemporalGNN(ModelConfig(width=8, heads=2)),
        golden=spread([item.window for item in data.windows.items], 3),
        calibration={"pump": ConditionCalibration(temperature=1, conformal_threshold=0, labels=("0", "1", "2"))},
        baseline=healthy_baseline(data.windows),
        regions=fit_regions(data.windows, data.groups),
        training=TrainingData(recording="sample", sha256="0" * 64, windows=39, seed=0),
        metrics={"leave-block": {"pump.macro_f1": 0.5}},
        card="# A card\n",
    )


@pytest.fixture(scope="module")
def folder(data: TrainingWindows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a bundle of these parts."""
    folder = tmp_path_factory.mktemp("bundle")
    build_bundle(parts(data), MACHINE_FILE, folder)
    return folder


def test_a_bundle_opens_reproduces_its_golden_windows_and_says_what_it_was_made_of(data: TrainingWindows, folder: Path):
    made, bundle = parts(data), open_bundle(folder)
    assert check_golden(bundle, OnnxBackend(bundle.model_path)) < 1e-4
    assert bundle.manifest.conditions == made.calibration
    assert (bundle.manifest.version, bundle.manifest.release) == ("1.2.3", 4)
    assert bundle.manifest.metrics == made.metrics
    assert bundle.machine == data.windows.machine
    assert set(bundle.regions) == {"cooler", "valve", "pump", "accumulator"}
    assert (folder / "MODEL_CARD.md").read_text() == "# A card\n"


def test_the_same_parts_give_the_same_bytes_whatever_the_folder_held(
    data: TrainingWindows, folder: Path, tmp_path: Path
):
    (tmp_path / "old.txt").write_text("old")
    assert build_bundle(parts(data), MACHINE_FILE, tmp_path).sha256 == open_bundle(folder).sha256
    assert not (tmp_path / "old.txt").exists()


def test_a_model_with_residuals_declares_them_and_reproduces_golden_windows_with_silent_sensors(
    data: TrainingWindows, tmp_path: Path
):
    window = data.windows.items[0].window
    silent = replace(window.channels[0], values=np.empty(0, np.float32))
    golden = (window, replace(window, channels=(silent, *window.channels[1:])))
    model = UniversalTemporalGNN(ModelConfig(width=8, heads=2, residuals=True))
    model.fit_normalisation([example.sample for example in data.examples])

    bundle = build_bundle(replace(parts(data), model=model, golden=golden), MACHINE_FILE, tmp_path / "bundle")

    assert bundle.manifest.residuals == "physics-1/1"
    assert check_golden(bundle, OnnxBackend(bundle.model_path)) < 1e-4
    inputs = {item.name for item in onnx.load(bundle.model_path).graph.input}
    assert {"residuals", "residual_mask"} <= inputs


def test_the_baseline_is_of_healthy_windows(data: TrainingWindows):
    baseline = healthy_baseline(data.windows)
    healthy = [
        item.window.channels[0].values.mean()
        for item in data.windows.items
        if {"cooler": 100, "valve": 100, "pump": 0, "accumulator": 130}.items() <= item.label.values.items()
    ]
    assert len(healthy) == 4
    assert baseline["PS1"].mean == pytest.approx(np.mean(healthy))
    assert baseline["PS1"].std == pytest.approx(np.std(healthy))
    assert set(baseline) == {sensor.name for sensor in data.windows.machine.sensors}


def test_without_a_healthy_window_there_is_no_baseline(data: TrainingWindows):
    faulty = np.flatnonzero(data.windows.levels("pump") > 0)
    with pytest.raises(TrainingError, match="in every window a label names a level below healthy"):
        healthy_baseline(data.windows.select(faulty))


def test_golden_windows_are_spread_from_first_to_last(data: TrainingWindows):
    windows = [item.window for item in data.windows.items]
    chosen = spread(windows, 6)
    assert len(chosen) == 6
    assert (chosen[0], chosen[-1]) == (windows[0], windows[-1])
    assert spread(windows[:2], 6) == tuple(windows[:2])
