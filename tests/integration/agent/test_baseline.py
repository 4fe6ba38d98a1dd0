"""A box at the real rig: it diagnoses a recording, is commissioned by its commands, and tells what changed since."""

import json

import pytest
import yaml
from typer.testing import CliRunner

from agent.alerts import AlertTracker
from agent.baseline_keeper import BaselineKeeper
from agent.cli.main import app
from agent.models import Models
from agent.pipeline import Pipeline
from agent.settings import load_settings
from agent.status import AgentStatus
from agent.store.store import Store
from edge_runtime.baseline.shelf import BaselineShelf
from edge_runtime.diagnosis import BaselineOrigin
from edge_runtime.machine_file import load_machine
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading
from edge_runtime.recording import read_recording
from edge_runtime.slots import Slots
from tests.rig.recordings import CYCLE_US, MACHINE, REPOSITORY, SAMPLE, UNBROKEN_START_US

# Cycles 1784–1791: everything in order but the valve, which is at 90 in the first four. Then the pump leaks most.
GOOD_FROM, GOOD_TO = "2015-01-02T05:43:00Z", "2015-01-02T05:51:00Z"
LEAKING_START_US = UNBROKEN_START_US + (2111 - 1784) * CYCLE_US


class Box:
    """A box with the shipped model, whose pipeline is fed by hand."""

    def __init__(self, folder):
        self.config = folder / "agent.yaml"
        example = yaml.safe_load((REPOSITORY / "configs" / "agent" / "zema.yaml").read_text())
        own = {"machine": str(MACHINE), "data_directory": str(folder), "store": {"min_free_bytes": 0}}
        bundle = {"model": {"bundle": str(REPOSITORY / "configs" / "models" / "zema-rig")}}
        self.config.write_text(yaml.safe_dump(example | own | bundle))
        settings, machine = load_settings(self.config), load_machine(MACHINE)
        models = Models(machine, Slots(settings.slots_directory), settings.model.bundle, threads=1, probation_windows=1)
        self.store = Store.open(settings.store_file, "boot")
        keeper = BaselineKeeper(BaselineShelf(settings.baseline_directory), machine, AgentStatus(), lambda: 0)
        tracker = AlertTracker(machine, settings.alerts)
        self._pipeline = Pipeline(machine, self.store, models.load(settings.model.bundle), tracker, 0, keeper)
        self._series = read_recording(SAMPLE).series

    def diagnose(self, start_us, cycles):
        """What is said of so many cycles."""
        end_us = start_us + cycles * CYCLE_US
        readings = [
            Reading(name, float(value), Quality.GOOD, int(time_us), int(time_us))
            for name, whole in self._series.items()
            for part in [whole.between(start_us, end_us)]
            for time_us, value in zip(part.times_us, part.values, strict=True)
        ]
        self._pipeline.store_readings(sorted(readings, key=lambda reading: reading.source_time_us))
        past = Reading("TS1", 40.0, Quality.GOOD, end_us + CYCLE_US, end_us + CYCLE_US)
        self._pipeline.store_readings([past])
        diagnoses = []
        while outcome := self._pipeline.diagnose_next():
            diagnoses.append(outcome.diagnosis)
        return diagnoses

    def run(self, *arguments):
        """A command's standard output."""
        result = CliRunner().invoke(app, ["baseline", *arguments], env={"HYDROSIGHT_CONFIG": str(self.config)})
        assert result.exit_code == 0, result.output
        return result.stdout


@pytest.fixture
def box(tmp_path):
    box = Box(tmp_path)
    yield box
    box.store.close()


def test_a_box_is_commissioned_and_sees_the_pump_leak(box):
    first = box.diagnose(UNBROKEN_START_US, 8)
    assert {item.baseline for item in first} == {None}

    refused = CliRunner().invoke(app, ["baseline", "learn", "--config", str(box.config)])
    assert refused.exit_code == 1
    assert "valve at 90" in refused.stderr

    learned = json.loads(box.run("learn", "--force", "--from", GOOD_FROM, "--to", GOOD_TO, "--json"))
    assert (learned["version"], learned["windows"]) == (1, 8)
    (load, warm) = json.loads(box.run("show", "--json"))["baseline"]["regimes"]
    assert (load["regime"]["oil"], warm["regime"]["oil"], warm["windows"]) == (None, 3, 8)
    assert warm["sensors"]["PS1"]["centre"][0] == pytest.approx(161, abs=1)

    (*_, leaking) = box.diagnose(LEAKING_START_US, 4)
    assert (leaking.baseline.version, leaking.baseline.windows) == (1, 8)
    seen = leaking.component("pump").evidence
    assert {item.baseline for item in seen} == {BaselineOrigin.MACHINE}

    standing = json.loads(box.run("compare", "--last", "4", "--json"))
    assert standing["compared"] == 4
    off = [item["sensor"] for item in standing["sensors"] if item["verdict"] == "far off"]
    assert "FS1" in off  # what leaks through the bypass doesn't arrive at the load
    assert "far off" in box.run("compare", "--last", "4")
