"""Put a bundle together and prove it before anybody gets it."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.baseline.deviation import DEVIATION
from edge_runtime.bundle import (
    CARD_FILE,
    GOLDEN_FILE,
    MACHINE_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    NOVELTY_FILE,
    Bundle,
    file_sha256,
    open_bundle,
)
from edge_runtime.errors import TrainingError
from edge_runtime.features.classic import CLASSIC
from edge_runtime.features.physics.registry import PHYSICS
from edge_runtime.features.sequence import SEQUENCE
from edge_runtime.golden import GoldenWindows, check_golden, run_windows
from edge_runtime.graph_builder import build_graph
from edge_runtime.machine_file import load_machine
from edge_runtime.manifest import ConditionCalibration, Manifest, SensorBaseline, TrainingData
from edge_runtime.novelty import TrainedRegion
from edge_runtime.novelty_file import write_regions
from edge_runtime.window import Window
from gnn.export import check_parity, export_onnx
from gnn.model import UniversalTemporalGNN
from training.conditioning import healthy_windows
from training.dataset import LabelledWindows

GOLDEN_WINDOWS = 6


@dataclass(frozen=True, slots=True)
class BundleParts:
    """What a bundle is made of, beside the machine file.

    Attributes:
        release: counter that only rises for one name.
        created: when, with its zone.
        minimum_agent_version: oldest agent that can run it.
        golden: raw windows to prove it by, at least one.
        baseline: of each sensor, over healthy windows.
        regions: where the signals of each condition were in training.
        metrics: by protocol.
        card: the model card.
    """

    name: str
    version: str
    release: int
    created: datetime
    minimum_agent_version: str
    window_s: float
    model: UniversalTemporalGNN
    golden: tuple[Window, ...]
    calibration: dict[str, ConditionCalibration]
    baseline: dict[str, SensorBaseline]
    regions: dict[str, TrainedRegion]
    training: TrainingData
    metrics: dict[str, dict[str, float]]
    card: str


def build_bundle(parts: BundleParts, machine_file: Path, folder: Path) -> Bundle:
    """Write a bundle and open it as a box would: every hash, the engine, the golden windows.

    Args:
        parts: what goes in.
        machine_file: the machine that the golden windows come from; copied.
        folder: made if it isn't there; what it held is replaced.

    Raises:
        TrainingError: the exported model doesn't say what the trained one says.
        BundleError: the bundle written doesn't pass its own check.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    machine = load_machine(machine_file)
    shutil.copyfile(machine_file, folder / MACHINE_FILE)
    samples = [build_graph(machine, window) for window in parts.golden]
    export_onnx(parts.model, samples[0], folder / MODEL_FILE)
    check_parity(parts.model, folder / MODEL_FILE, samples)
    backend = OnnxBackend(folder / MODEL_FILE)
    GoldenWindows(parts.golden, run_windows(machine, parts.golden, backend)).write(folder / GOLDEN_FILE)
    (folder / CARD_FILE).write_text(parts.card, encoding="utf-8")
    files = [MODEL_FILE, GOLDEN_FILE, MACHINE_FILE, CARD_FILE]
    if parts.regions:
        write_regions(parts.regions, folder / NOVELTY_FILE)
        files.append(NOVELTY_FILE)
    manifest = Manifest(
        name=parts.name,
        version=parts.version,
        release=parts.release,
        created=parts.created,
        minimum_agent_version=parts.minimum_agent_version,
        features=CLASSIC.id,
        sequence=SEQUENCE.id,
        residuals=PHYSICS.id if parts.model.config.residuals else None,
        deviation=DEVIATION.id if parts.model.config.conditioning else None,
        window_s=parts.window_s,
        conditions=parts.calibration,
        baseline=parts.baseline,
        training=parts.training,
        metrics=parts.metrics,
        files={name: file_sha256(folder / name) for name in files},
    )
    (folder / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    bundle = open_bundle(folder)
    check_golden(bundle, backend)
    return bundle


def spread(windows: Sequence[Window], count: int = GOLDEN_WINDOWS) -> tuple[Window, ...]:
    """So many windows, evenly from first to last."""
    picked = np.unique(np.linspace(0, len(windows) - 1, count).round().astype(int))
    return tuple(windows[index] for index in picked)


def healthy_baseline(windows: LabelledWindows) -> dict[str, SensorBaseline]:
    """Mean and spread of each sensor's window means over the windows in which no condition is labelled as worse.

    Raises:
        TrainingError: there is no such window.
    """
    healthy = windows.select(healthy_windows(windows))
    if not len(healthy):
        raise TrainingError(
            "in every window a label names a level below healthy, so there is no baseline to compare with",
            hint="Record the machine in good order as well, and label it so.",
        )
    baseline = {}
    for number, sensor in enumerate(windows.machine.sensors):
        channels = [item.window.channels[number] for item in healthy.items]
        means = [float(np.nanmean(channel.values)) for channel in channels if channel.completeness > 0]
        if means:
            baseline[sensor.name] = SensorBaseline(mean=float(np.mean(means)), std=float(np.std(means)))
    return baseline
