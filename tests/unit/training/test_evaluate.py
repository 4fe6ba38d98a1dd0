from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.backends.base import ModelOutput
from edge_runtime.bundle import Bundle, open_bundle
from edge_runtime.graph import GraphSample
from edge_runtime.machine import Machine
from edge_runtime.recording import Recording
from edge_runtime.window import Window
from tests.models.tiny_bundle import build_tiny_bundle
from training.dataset import LabelledWindow, LabelledWindows, labelled_windows, silence_sensors, targets
from training.evaluate import evaluate
from training.trained_region import fit_regions


class Oracle:
    """Knows the labels of the windows, in order, and answers by them; `shift` makes it wrong."""

    name, inputs = "oracle", GraphSample.REQUIRED

    def __init__(self, windows: LabelledWindows, shift: int = 0) -> None:
        self._levels = np.concatenate([targets(windows.machine, item.label).level for item in windows.items])
        self._shift = shift
        self._seen = 0

    def run(self, sample: GraphSample) -> ModelOutput:
        levels = self._levels[self._seen : self._seen + sample.nodes] + self._shift
        self._seen += sample.nodes
        logits = np.where(np.arange(4) < levels[:, None], 10.0, -10.0).astype(np.float32)
        return ModelOutput(logits, np.zeros((sample.nodes, 9), np.float32))


@pytest.fixture(scope="module")
def bundle(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return open_bundle(build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny", machine=machine))


@pytest.fixture(scope="module")
def windows(machine: Machine, sample: Recording) -> LabelledWindows:
    return labelled_windows(machine, sample)


def test_a_model_that_knows_is_right_everywhere(bundle: Bundle, windows: LabelledWindows):
    found = evaluate(bundle, Oracle(windows), windows)
    assert found.windows == len(windows)
    assert list(found.components) == ["cooler", "valve", "pump", "accumulator"]
    for metrics in found.components.values():
        assert (metrics.accuracy, metrics.macro_f1, metrics.balanced_accuracy, metrics.coverage_90) == (1, 1, 1, 1)
        assert metrics.ece < 0.01
        assert metrics.abstained == 0


def test_a_model_that_is_one_level_off_is_wrong_where_there_is_a_next_level(bundle: Bundle, windows: LabelledWindows):
    found = evaluate(bundle, Oracle(windows, shift=1), windows)
    last = windows.levels("pump") == 2
    assert found.components["pump"].accuracy == pytest.approx(last.mean())


def test_windows_without_the_sensors_of_a_component_are_abstentions(
    bundle: Bundle, windows: LabelledWindows, machine: Machine
):
    cooling = {"PS5", "PS6", "FS2", "TS3", "TS4", "CE", "CP"}
    silent = np.array([sensor.name in cooling for sensor in machine.sensors])
    blind = LabelledWindows(
        machine, tuple(LabelledWindow(silence_sensors(item.window, silent), item.label) for item in windows.items)
    )

    found = evaluate(bundle, Oracle(blind), blind)

    assert (found.components["cooler"].abstained, found.components["cooler"].accuracy) == (1, 0)
    assert (found.components["valve"].abstained, found.components["valve"].accuracy) == (0, 1)


def test_progress_is_reported(bundle: Bundle, windows: LabelledWindows):
    done: list[int] = []
    evaluate(bundle, Oracle(windows), windows, report=done.append)
    assert done == [len(windows)]


def test_a_bundle_that_knows_its_training_is_silent_on_signals_unlike_them(bundle: Bundle, windows: LabelledWindows):
    """Every other window shows pressures of another machine: half are abstentions, and the other half is right."""
    groups = windows.groups(("block",))
    knowing = replace(bundle, regions=fit_regions(windows, groups))
    odd = tuple(
        LabelledWindow(_stronger(item.window) if number % 2 else item.window, item.label)
        for number, item in enumerate(windows.items)
    )
    mixed = LabelledWindows(windows.machine, odd)

    found = evaluate(knowing, Oracle(mixed), mixed)

    valve, trust = found.components["valve"], found.trust["valve"]
    half = len(windows) // 2 / len(windows)
    assert (trust.unlike, valve.abstained) == (pytest.approx(half), pytest.approx(half))
    assert trust.outside >= trust.unlike
    assert (valve.accuracy, trust.answered_accuracy) == (pytest.approx(1 - half), 1)
    assert trust.risk_coverage[0].coverage == pytest.approx(1 - half)


def test_a_bundle_that_does_not_know_its_training_calls_nothing_unlike_it(bundle: Bundle, windows: LabelledWindows):
    found = evaluate(bundle, Oracle(windows), windows)
    assert not found.knows_its_training
    assert {trust.outside for trust in found.trust.values()} == {0.0}


def _stronger(window: Window) -> Window:
    channels = tuple(replace(c, values=c.values * (3 if c.sensor.startswith("PS") else 1)) for c in window.channels)
    return replace(window, channels=channels)
