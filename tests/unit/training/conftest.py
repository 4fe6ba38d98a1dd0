from pathlib import Path

import pytest
import yaml

from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine
from edge_runtime.recording import Recording, read_recording
from edge_runtime.recording_writer import write_recording
from gnn.model import ModelConfig
from tests.models.small_rig import MACHINE, small_recording
from training.config import FitSettings, TrainingConfig
from training.cross_fit import TrainingWindows
from training.dataset import build_examples, labelled_windows
from training.evaluation_windows import evaluation_windows
from training.protocol_kinds import HoldOut

ROOT = Path(__file__).parents[3]
MACHINE_FILE = ROOT / "configs" / "machines" / "zema.yaml"
SAMPLE = ROOT / "configs" / "recordings" / "zema-sample"


@pytest.fixture(scope="session")
def machine() -> Machine:
    return load_machine(MACHINE_FILE)


@pytest.fixture(scope="session")
def sample() -> Recording:
    return read_recording(SAMPLE)


@pytest.fixture(scope="session")
def tiny_config() -> TrainingConfig:
    """A network that trains in seconds on the sample."""
    return TrainingConfig(
        name="tiny",
        description="A sample.",
        model=ModelConfig(width=8, heads=2, encoder_layers=1, edge_layers=1, dropout=0.0),
        fit=FitSettings(epochs=2, batch_size=8, validation_share=0.3),
        group_by=("cooler", "accumulator", "pump"),
        calibration_folds=2,
        protocols={"leave-cooler-level": HoldOut(hold_out=("cooler",), conditions=("valve", "pump"))},
    )


@pytest.fixture(scope="session")
def small_config(tiny_config: TrainingConfig) -> TrainingConfig:
    """The same for the small rig, whose signals are chosen in a fraction of the time."""
    protocols = {"leave-campaign": HoldOut(hold_out=("campaign",), folds=2, conditions=("valve", "pump"))}
    return tiny_config.model_copy(update={"group_by": ("block",), "protocols": protocols})


@pytest.fixture(scope="session")
def small(small_config: TrainingConfig) -> TrainingWindows:
    """40 windows of the small rig."""
    return evaluation_windows(MACHINE, small_recording(6), small_config, [], seed=0)


@pytest.fixture(scope="session")
def small_machine_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("machine") / "small-rig.yaml"
    path.write_text(yaml.safe_dump(MACHINE.model_dump(mode="json", exclude_defaults=True), sort_keys=False))
    return path


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of the small rig."""
    folder = tmp_path_factory.mktemp("small-rig")
    recording = small_recording(6)
    write_recording(folder, recording.series, recording.labels)
    return folder


@pytest.fixture(scope="session")
def data(machine: Machine, sample: Recording, tiny_config: TrainingConfig) -> TrainingWindows:
    windows = labelled_windows(machine, sample)
    return TrainingWindows(
        windows, build_examples(windows, sensor_drop=0.2, seed=0), windows.groups(tiny_config.group_by)
    )
