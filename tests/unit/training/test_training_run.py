import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_runtime.bundle import open_bundle
from edge_runtime.errors import ConfigurationError
from edge_runtime.recording import read_recording
from training.config import TrainingConfig
from training.module import DiagnosisModule
from training.training_run import RunRequest, RunResult, run_training


@pytest.fixture(scope="module")
def request_(
    small_config: TrainingConfig, small_machine_file: Path, small_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> RunRequest:
    return RunRequest(
        machine=small_machine_file,
        recording=str(small_folder),
        golden=str(small_folder),
        output=tmp_path_factory.mktemp("run"),
        config=small_config.model_copy(update={"reported": ("leave-campaign",)}),
        seed=3,
        version="0.2.0",
        release=7,
        created=datetime(2020, 1, 1, tzinfo=UTC),
        command="hydrosight-train fit --seed 3",
    )


@pytest.fixture(scope="module")
def result(request_: RunRequest) -> RunResult:
    return run_training(request_)


def test_the_bundle_says_what_it_was_trained_on(result: RunResult, request_: RunRequest):
    manifest = open_bundle(request_.output / "bundle").manifest
    assert manifest.training.sha256 == read_recording(Path(request_.recording)).sha256
    assert (manifest.training.windows, manifest.training.seed, manifest.window_s) == (42, 3, 60)
    assert set(manifest.conditions) == {"valve", "pump"}


def test_what_was_measured_is_in_the_manifest_the_report_and_the_card(result: RunResult, request_: RunRequest):
    bundle = open_bundle(request_.output / "bundle")
    reports = json.loads((request_.output / "report.json").read_text())
    card = (bundle.path / "MODEL_CARD.md").read_text()

    assert set(bundle.manifest.metrics) == {"leave-campaign", "cross-fit"} == {item["name"] for item in reports}
    measured = reports[0]["conditions"]["valve"]["macro_f1"]["model"]
    assert bundle.manifest.metrics["leave-campaign"]["valve.macro_f1"] == pytest.approx(measured["value"], abs=1e-4)
    assert "| valve | {value:.3f} [{low:.3f}, {high:.3f}] |".format(**measured) in card
    assert "majority class" in card
    assert "hydrosight-train fit --seed 3" in card


def test_the_same_seed_gives_the_same_bundle(result: RunResult, request_: RunRequest, tmp_path: Path):
    again = run_training(replace(request_, output=tmp_path))
    assert again.bundle.sha256 == result.bundle.sha256


def test_a_finished_run_that_is_resumed_fits_nothing_and_gives_the_same_bundle(
    result: RunResult, request_: RunRequest, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(DiagnosisModule, "training_step", lambda *_: pytest.fail("it is fitted again"))
    again = run_training(replace(request_, resume=True))
    assert again.bundle.sha256 == result.bundle.sha256
    assert again.reports == result.reports


@pytest.mark.usefixtures("result")
def test_a_finished_run_is_not_thrown_away(request_: RunRequest):
    with pytest.raises(ConfigurationError, match="a run that ended") as raised:
        run_training(request_)
    assert "--output" in raised.value.hint
    assert (request_.output / "answers").is_dir()
