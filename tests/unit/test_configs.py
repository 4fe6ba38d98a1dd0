"""Every file in configs/ is read by the code that users will read it with."""

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.settings import load_settings
from agent.sources.modbus.device_profile import load_profile
from cloud_sync.cloud.settings import load_settings as load_cloud_settings
from edge_runtime.advice import load_advice
from edge_runtime.bundle import open_bundle
from edge_runtime.machine_file import load_machine
from edge_runtime.recording import read_recording
from edge_runtime.yaml_file import load_yaml
from training.config import TrainingConfig

CONFIGS = Path(__file__).parents[2] / "configs"
READERS: dict[str, Callable[[Path], object]] = {
    "advice": load_advice,
    "agent": load_settings,
    "cloud": load_cloud_settings,
    "devices": load_profile,
    "machines": load_machine,
    "models": open_bundle,
    "recordings": read_recording,
    "training": lambda path: load_yaml(path, TrainingConfig),
}


def entries() -> list[Path]:
    return sorted(path for folder in CONFIGS.iterdir() if folder.is_dir() for path in folder.iterdir())


@pytest.mark.parametrize("path", entries(), ids=lambda path: str(path.relative_to(CONFIGS)))
def test_every_configuration_can_be_read(path: Path):
    read = READERS.get(path.parent.name)
    assert read is not None, f"add a reader for configs/{path.parent.name}/ to this test"
    read(path)


def test_the_agent_settings_name_files_that_are_there():
    for path in (CONFIGS / "agent").glob("*.yaml"):
        settings = load_settings(path)
        assert load_machine(settings.machine).name
        assert open_bundle(settings.model.bundle).manifest.release >= 1


def test_every_recording_belongs_to_a_machine_here():
    machines = [load_machine(path) for path in (CONFIGS / "machines").glob("*.yaml")]
    for path in (CONFIGS / "recordings").iterdir():
        sensors = set(read_recording(path).series)
        assert any(sensors <= set(machine.sensor_index) for machine in machines), path
