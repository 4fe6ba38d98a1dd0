from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.machine import Machine
from edge_runtime.novelty import TrainedRegion, fingerprints
from edge_runtime.recording import LabelRow
from edge_runtime.window import ChannelWindow, Window
from tests.models.tiny_bundle import tiny_machine, window_of
from training.dataset import LabelledWindow, LabelledWindows
from training.trained_region import LEAST_MARGIN, MOST_MARGIN, fit_regions

GROUPS = np.repeat(np.arange(30), 12)


def window(machine: Machine, random: np.random.Generator, load: float, **changed: float) -> Window:
    """A minute of a machine under some load, 0–1: pressure, power, flow and temperature follow it, and noise."""
    course = 1 + 0.2 * np.sin(np.arange(60) / 60 * 2 * np.pi)
    values = {"PS1": 150 + 30 * load, "EPS1": 2000 + 500 * load, "FS1": 10 - 2 * load, "TS1": 40 + 10 * load}
    values |= changed
    noise = {"PS1": 0.3, "EPS1": 5.0, "FS1": 0.02, "TS1": 0.05}
    channels = tuple(
        ChannelWindow(name, 1_000_000, (value * course + random.normal(0, noise[name], 60)).astype(np.float32))
        for name, value in values.items()
    )
    return replace(window_of(machine), channels=channels)


@pytest.fixture(scope="module")
def machine() -> Machine:
    return tiny_machine()


@pytest.fixture(scope="module")
def windows(machine: Machine) -> LabelledWindows:
    random = np.random.default_rng(0)
    loads = random.random(30)[GROUPS]
    cut = (window(machine, random, load) for load in loads)
    return LabelledWindows(machine, tuple(LabelledWindow(item, LabelRow(0, 1, {"pump": "0"})) for item in cut))


@pytest.fixture(scope="module")
def pump(windows: LabelledWindows) -> TrainedRegion:
    return fit_regions(windows, GROUPS)["pump"]


def novelty(pump: TrainedRegion, machine: Machine, load: float, **changed: float) -> float:
    random = np.random.default_rng(1)
    return pump.novelty(machine, fingerprints(window(machine, random, load, **changed))).amount


def test_a_region_holds_the_signals_that_the_model_sees_at_the_component(windows: LabelledWindows):
    regions = fit_regions(windows, GROUPS)
    assert regions["pump"].sensors == ("PS1", "EPS1")
    assert regions["valve"].sensors == ("PS1", "FS1")
    assert "accumulator" not in regions, "no sensor has a place there"


def test_a_new_state_within_the_training_is_inside(pump: TrainedRegion, machine: Machine):
    inside = [novelty(pump, machine, load) <= 1 for load in np.linspace(0.05, 0.95, 40)]
    assert np.mean(inside) >= 0.95


@pytest.mark.parametrize(
    ("load", "changed"),
    [(0.5, {"PS1": 330.0}), (0.5, {"PS1": 165.0, "EPS1": 2800.0}), (0.2, {"EPS1": 2450.0}), (3.0, {})],
    ids=["gain of two", "power beyond its range", "power that doesn't go with the pressure", "load never seen"],
)
def test_what_training_never_showed_is_far(pump: TrainedRegion, machine: Machine, load: float, changed: dict):
    assert novelty(pump, machine, load, **changed) > 5


def test_the_margin_is_what_new_groups_need_within_bounds(windows: LabelledWindows, pump: TrainedRegion):
    assert pump.margin >= LEAST_MARGIN
    few = windows.select(np.flatnonzero(GROUPS < 3))
    assert pump.margin < fit_regions(few, GROUPS[:36])["pump"].margin <= MOST_MARGIN


def test_a_single_group_says_nothing_of_a_new_one(windows: LabelledWindows):
    assert fit_regions(windows, np.zeros(len(windows), np.int64)) == {}


def test_a_signal_that_stood_still_in_training_may_move_by_what_its_converter_resolves(machine: Machine):
    random = np.random.default_rng(2)
    still = tuple(
        replace(item, channels=tuple(replace(c, values=np.full(60, 50, np.float32)) for c in item.channels))
        for item in (window(machine, random, 0.5) for _ in range(40))
    )
    labelled = LabelledWindows(machine, tuple(LabelledWindow(w, LabelRow(0, 1, {"pump": "0"})) for w in still))
    region = fit_regions(labelled, np.arange(40) // 4)["pump"]
    moved = replace(
        still[0], channels=tuple(replace(c, values=c.values + np.float32(0.005)) for c in still[0].channels)
    )
    assert not region.novelty(machine, fingerprints(moved)).outside
