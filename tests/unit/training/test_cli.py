import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from edge_runtime.bundle import open_bundle
from edge_runtime.machine import Machine
from tests.models.tiny_bundle import build_tiny_bundle
from tests.unit.training.conftest import MACHINE_FILE, ROOT, SAMPLE
from training.cli.main import main
from training.config import Ablation, TrainingConfig
from training.report.write import BEGIN, END
from training.training_run import RunResult


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command as its entry point does, in this process: a new one takes seconds to import torch."""

    def command(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["hydrosight-train", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(int(ended.value.code or 0), *capsys.readouterr())

    return command


@pytest.fixture(scope="module")
def bundle(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny", machine=machine)


def test_evaluate_prints_one_json_object_of_the_agreed_shape(run: Run, bundle: Path):
    done = run("evaluate", "--machine", MACHINE_FILE, "--bundle", bundle, "--recording", SAMPLE, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == ["windows", "components", "trust", "knows_its_training"]
    assert list(found["trust"]) == list(found["components"])
    assert list(found["components"]) == ["cooler", "valve", "pump", "accumulator"]
    for metrics in found["components"].values():
        assert list(metrics) == [
            "accuracy",
            "macro_f1",
            "balanced_accuracy",
            "ece",
            "coverage_90",
            "mean_set_size",
            "abstained",
        ]
        assert all(isinstance(value, float) for value in metrics.values())


def test_evaluate_does_not_load_torch(bundle: Path):
    code = (
        "import sys; from training.cli.main import main; sys.argv[1:] = sys.argv[2:]\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'lightning', 'gnn.model'} & set(sys.modules)"
    )
    arguments = ["evaluate", "--machine", MACHINE_FILE, "--bundle", bundle, "--recording", SAMPLE]
    done = subprocess.run(
        [sys.executable, "-c", code, "-", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "accumulator" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["evaluate", "--machine", "no.yaml", "--bundle", "b", "--recording", SAMPLE], 1, "no such bundle folder"),
        (["fit", "--machine", MACHINE_FILE, "--recording", "nowhere", "--output", "x"], 1, "nowhere: isn't there"),
        (["fit", "--machine", "no.yaml", "--recording", SAMPLE, "--output", "x"], 2, "no.yaml: can't be read"),
        (["protocol", "none", "--machine", MACHINE_FILE, "--recording", SAMPLE], 1, "there is no protocol 'none'"),
        (["report", "--run", "nowhere"], 1, "nowhere: holds nothing that was measured"),
        (["fit"], 2, "Missing option"),
    ],
    ids=["bundle", "recording", "machine", "protocol", "report", "usage"],
)
def test_errors_are_one_message_with_what_to_do(run: Run, arguments: list[object], code: int, said: str):
    done = run(*arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert done.stdout == ""
    assert arguments == ["fit"] or "hint:" in done.stderr


def test_a_disk_without_room_is_one_message_too(run: Run, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x/report.json")

    monkeypatch.setattr("training.training_run.run_training", full)
    done = run("fit", "--machine", MACHINE_FILE, "--recording", SAMPLE, "--output", "x")
    assert done.returncode == 1
    assert done.stderr.startswith("error: x/report.json: No space left on device\nhint:")


def test_fit_tells_scripts_which_bundle_it_has_made(run: Run, bundle: Path, monkeypatch: pytest.MonkeyPatch):
    made = RunResult(open_bundle(bundle), ())
    monkeypatch.setattr("training.training_run.run_training", lambda *_, **__: made)
    done = run("fit", "--machine", MACHINE_FILE, "--recording", SAMPLE, "--output", "x", "--release", 7, "--json")
    assert json.loads(done.stdout) == {
        "bundle": str(bundle),
        "model": made.bundle.manifest.name,
        "version": "0.1.0",
        "release": 7,
        "protocols": [],
    }


def test_protocols_and_ablations_go_into_one_report(
    run: Run, small_config: TrainingConfig, small_machine_file: Path, small_folder: Path, tmp_path: Path
):
    ablated = small_config.model_copy(update={"ablations": {"no-graph": Ablation(model={"edge_layers": 0})}})
    config, folder = tmp_path / "tiny.yaml", tmp_path / "run"
    config.write_text(yaml.safe_dump(ablated.model_dump(mode="json")))
    options = [
        "--machine",
        small_machine_file,
        "--recording",
        small_folder,
        "--config",
        config,
        "--output",
        folder,
        "--seeds",
        1,
    ]
    quick = ["--epochs", 1, "--jobs", 1, "--no-cache", "--json"]

    done = run("protocol", "leave-campaign", "--baselines", "quick", *options, *quick)
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)[0]["conditions"]) == {"valve", "pump"}
    assert "4 of 4 folds" in done.stderr

    done = run("ablate", "--protocol", "leave-campaign", *options, *quick)
    assert done.returncode == 0, done.stderr
    assert "no-graph" in json.loads(done.stdout)["conditions"]["pump"]["network alone"]
    assert "2 of 4 folds" in done.stderr, "the model as it is isn't fitted again"

    found = json.loads((folder / "report.json").read_text())
    assert [len(found["protocols"]), len(found["ablations"])] == [1, 1]
    assert "## Ablations under leave-campaign" in (folder / "report.md").read_text()

    document = tmp_path / "results.md"
    document.write_text(f"Before\n{BEGIN}\nold\n{END}\nafter\n")
    done = run("report", "--run", folder, "--document", document, "--json")
    assert json.loads(done.stdout) == {"report": str(folder / "report.html"), "document": str(document)}, done.stderr
    text = document.read_text()
    assert text.startswith("Before\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "### leave-campaign" in text
    assert (tmp_path / "results" / "leave-campaign-confusion.svg").is_file()


def test_import_makes_a_recording_that_the_other_commands_take(run: Run, bundle: Path, tmp_path: Path):
    (tmp_path / "a.csv").write_text(
        "timestamp,PS1 [psi]\n" + "".join(f"{1_769_867_100 + second},2000\n" for second in range(60))
    )
    (tmp_path / "labels.csv").write_text("start,end,pump\n1769867100,1769867160,0\n")
    recording = tmp_path / "recording"
    done = run("import", tmp_path, "--machine", MACHINE_FILE, "--output", recording)
    assert done.returncode == 0, done.stderr
    assert "CSV, one file" in done.stderr
    assert "60 readings, 1 label rows" in done.stdout
    done = run("import", tmp_path, "--machine", MACHINE_FILE, "--output", recording, "--json")
    assert json.loads(done.stdout) == {"recording": str(recording), "readings": 60, "label_rows": 1}, done.stderr
    for source in (recording, tmp_path):
        done = run("evaluate", "--machine", MACHINE_FILE, "--bundle", bundle, "--recording", source, "--json")
        assert json.loads(done.stdout)["windows"] == 1, done.stderr


def test_check_shows_what_is_there_and_what_is_wrong(run: Run, tmp_path: Path):
    done = run("check", SAMPLE, "--machine", MACHINE_FILE)
    assert done.returncode == 0, done.stderr
    assert "PS1" in done.stdout
    assert "0 errors, 0 warnings" in done.stdout
    (tmp_path / "a.csv").write_text("timestamp,PS1\n1769867100,15000\n1769867101,15000\n")
    done = run("check", tmp_path, "--machine", MACHINE_FILE, "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert [sensor["readings"] for sensor in found["recording"]["sensors"]] == [2]
    unit, labels = (one for one in found["problems"] if one["severity"] == "error")
    assert "In kPa they would fit" in unit["remedy"]
    assert labels["what"] == "has no label rows"
