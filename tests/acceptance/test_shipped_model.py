"""The model that the repository ships: whole, true to its golden windows, and as good as its card says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import Bundle, open_bundle
from edge_runtime.golden import check_golden
from edge_runtime.machine_file import load_machine
from edge_runtime.yaml_file import load_yaml
from training.config import TrainingConfig

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "configs" / "models" / "zema-rig"
MACHINE = ROOT / "configs" / "machines" / "zema.yaml"
PROTOCOL = "leave-accumulator-level"

# Macro-F1 of always naming one of four (valve) or three (pump) levels is at most 1/4 and 1/3.
CLEARLY_BETTER_THAN_ONE_LEVEL = 0.6


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return open_bundle(BUNDLE)


def test_it_reproduces_its_golden_windows(bundle: Bundle):
    assert check_golden(bundle, OnnxBackend(bundle.model_path)) < 1e-4


def test_it_is_small(bundle: Bundle):
    assert sum(file.stat().st_size for file in BUNDLE.iterdir()) < 4_000_000


def test_it_knows_every_condition_and_sensor_of_the_machine_file(bundle: Bundle):
    machine = load_machine(MACHINE)
    assert bundle.machine == machine
    assert {name: item.labels for name, item in bundle.manifest.conditions.items()} == {
        condition.name: tuple(str(level.label) for level in condition.levels) for condition in machine.conditions
    }
    assert set(bundle.manifest.baseline) == set(machine.sensor_index)


@pytest.mark.parametrize("condition", ["valve", "pump"])
def test_it_was_measured_clearly_better_than_the_majority_class_on_a_level_it_had_not_seen(
    bundle: Bundle, condition: str
):
    assert bundle.manifest.metrics[PROTOCOL][f"{condition}.macro_f1"] > CLEARLY_BETTER_THAN_ONE_LEVEL


def test_its_card_tells_what_was_measured_and_how_to_make_it_again(bundle: Bundle):
    card = (BUNDLE / "MODEL_CARD.md").read_text(encoding="utf-8")
    for condition in ("valve", "pump"):
        assert f"| {condition} | {bundle.manifest.metrics[PROTOCOL][f'{condition}.macro_f1']:.3f} [" in card
    for needed in ("majority class", "clock", "path/to/zema", f"--seed {bundle.manifest.training.seed}", "10.24432"):
        assert needed in card
    assert str(ROOT) not in card


def test_it_was_made_by_the_training_file_that_is_here(bundle: Bundle):
    config = load_yaml(ROOT / "configs" / "training" / "zema.yaml", TrainingConfig)
    assert bundle.manifest.name == config.name
    assert set(config.reported) < set(bundle.manifest.metrics)


def test_evaluate_finds_it_right_on_the_sample_that_it_was_trained_on():
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from training.cli.main import main; main()", "evaluate", "--json"),
            *("--machine", str(MACHINE), "--bundle", str(BUNDLE)),
            *("--recording", str(ROOT / "configs" / "recordings" / "zema-sample")),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["windows"] == 39
    for metrics in found["components"].values():
        assert metrics["accuracy"] > 0.8
        assert metrics["coverage_90"] > 0.8
        assert metrics["abstained"] == 0
