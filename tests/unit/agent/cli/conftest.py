"""A box with a data directory, as the commands find it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
import yaml
from click.testing import Result
from typer.testing import CliRunner

from agent.alerts import AlertTracker
from agent.cli.main import app
from agent.cli.output import console, error_console
from agent.models import Models
from agent.pipeline import Pipeline
from agent.settings import AlertSettings, load_settings
from agent.store.store import Store
from edge_runtime.slots import Slots
from tests.models.readings import readings_of
from tests.models.tiny_bundle import TINY_MACHINE, WINDOW_US, build_tiny_bundle, tiny_machine, window_of

FIRST_WINDOW_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""


@dataclass
class Box:
    """A settings file with its machine file, data directory and model."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "agent.yaml"

    def configure(self, **changes: object) -> None:
        """Write the settings file with these sections replaced."""
        topics = [{"topic": f"rig/{sensor.name}", "sensor": sensor.name} for sensor in tiny_machine().sensors]
        document: dict[str, object] = {
            "machine": "machine.yaml",
            "data_directory": "data",
            "sources": {"mqtt": [{"name": "rig", "host": "127.0.0.1", "port": 1, "topics": topics}]},
            "model": {"bundle": "bundle", "probation_windows": 2},
            "alerts": {"raise_after": 1},
            "store": {"min_free_bytes": 0},
            "health": {"port": 1},
        }
        self.config.write_text(yaml.safe_dump(document | changes))

    def record(self, windows: int) -> None:
        """Have the agent's path diagnose so many windows; the reading that closes the last one stays undiagnosed."""
        settings = load_settings(self.config)
        machine = tiny_machine()
        models = Models(machine, Slots(self.folder / "unused"), settings.model.bundle, threads=1, probation_windows=1)
        with Store.open(settings.store_file, "boot-1") as store:
            diagnoser = models.load(settings.model.bundle)
            pipeline = Pipeline(machine, store, diagnoser, AlertTracker(machine, AlertSettings(raise_after=1)), 0)
            for number in range(windows):
                window = window_of(machine, start_us=FIRST_WINDOW_US + number * WINDOW_US)
                pipeline.store_readings(readings_of(window))
            last = window_of(machine, start_us=FIRST_WINDOW_US + windows * WINDOW_US)
            pipeline.store_readings(readings_of(last)[:1])
            while pipeline.diagnose_next():
                pass

    def run(self, *arguments: str, text: str | None = None) -> Result:
        """Run `hydrosight` with this box's settings, on a wide terminal."""
        environment = {"HYDROSIGHT_CONFIG": str(self.config), "COLUMNS": "250"}
        return CliRunner().invoke(app, arguments, env=environment, input=text)

    def json(self, *arguments: str) -> Any:
        """The JSON document that a command prints; it must succeed."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def _width_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A console takes COLUMNS when it is made, and then for good; under pytest-xdist there is one by then."""
    for one in (console, error_console):
        monkeypatch.setattr(one, "_width", None)


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles by release: 1 takes every component for failed, 2 for healthy."""
    folder = tmp_path_factory.mktemp("bundles")
    build_tiny_bundle(folder / "1", release=1, level_bias=20.0)
    build_tiny_bundle(folder / "2", release=2, version="2.0.0", level_bias=-20.0)
    return folder


@pytest.fixture
def box(tmp_path: Path, bundles: Path) -> Iterator[Box]:
    """A configured box that has stored nothing yet; its model takes every component for failed."""
    (tmp_path / "machine.yaml").write_text(TINY_MACHINE)
    (tmp_path / "bundle").symlink_to(bundles / "1")
    box = Box(tmp_path)
    box.configure()
    yield box
    structlog.reset_defaults()


@pytest.fixture
def recorded(box: Box) -> Box:
    """A box that has diagnosed three windows."""
    box.record(windows=3)
    return box


def failed(result: Result, code: int) -> str:
    """The message of a command that ended as it should when something is wrong: with a hint, without a traceback."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.startswith("error: ")
    assert "hint: " in result.stderr
    assert "Traceback" not in result.output
    return " ".join(result.stderr.split())
