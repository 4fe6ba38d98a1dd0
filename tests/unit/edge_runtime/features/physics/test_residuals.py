from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_runtime.features.physics.registry import FAMILIES, PHYSICS, residuals_of
from edge_runtime.features.physics.residuals import LARGEST, physics_residuals
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine
from edge_runtime.recording import read_recording
from edge_runtime.vocabulary import ComponentType, FaultMode, Quantity
from edge_runtime.window import Window
from edge_runtime.windowing import cut_window
from tests.models.measured_component import measured_component, window_of_values

CONFIGS = Path(__file__).parents[5] / "configs"
KINDS = [kind for kind in ComponentType if len(residuals_of(kind)) > 2]
PART = 1


def computed(machine: Machine, window: Window) -> np.ndarray:
    """Residuals [N, R], NaN where masked."""
    (residuals,), (mask,) = physics_residuals(machine, [window], window.resampled[None])
    assert residuals.shape == mask.shape == (len(machine.components), len(PHYSICS))
    assert residuals.dtype == mask.dtype == np.float32
    assert not residuals[mask == 0].any()
    return np.where(mask > 0, residuals, np.nan)


def names(residuals: np.ndarray) -> set[str]:
    return {PHYSICS.names[place] for place in np.flatnonzero(np.isfinite(residuals))}


def lively(machine: Machine, seed: int = 0) -> np.ndarray:
    """Values [sensors, 3000] of a component at work: it swings through its range and rests now and then."""
    random = np.random.default_rng(seed)
    time = np.arange(3000) / 3000
    rated = {
        Quantity.PRESSURE: (100, 60), Quantity.FLOW: (20, 8), Quantity.SPEED: (1400, 50), Quantity.TEMPERATURE: (50, 5),
        Quantity.POSITION: (250, 200), Quantity.COMMAND: (50, 50), Quantity.POWER: (8000, 1000),
        Quantity.VIBRATION: (2, 1),
    }  # fmt: skip
    rows = []
    for sensor in machine.sensors:
        mean, swing = rated[sensor.quantity]
        wave = np.clip(3 * np.sin(2 * np.pi * (4 * time + random.random())), -1, 1)
        rows.append(mean + swing * wave + 0.01 * swing * random.normal(size=time.size))
    return np.array(rows, np.float32)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_whatever_is_measured_a_residual_is_finite_or_masked(kind: ComponentType, data: st.DataObject):
    machine = measured_component(kind)
    samples = data.draw(st.sampled_from([1, 2, 59, 60, 1500]))
    anything = st.floats(width=32, allow_infinity=False) | st.sampled_from([0.0, 100.0, np.nan])
    values = data.draw(arrays(np.float32, (len(machine.sensors), samples), elements=anything, fill=anything))
    residuals = computed(machine, window_of_values(machine, values))
    assert not np.isinf(residuals).any()
    assert np.nanmax(np.abs(residuals), initial=0) <= LARGEST


@pytest.mark.parametrize("kind", KINDS)
def test_a_component_that_is_measured_all_over_has_its_residuals_and_no_others(kind: ComponentType):
    machine = measured_component(kind)
    found = computed(machine, window_of_values(machine, lively(machine)))
    known = names(found[PART])
    own = {one.name for one in residuals_of(kind)}
    assert known <= own
    # These need more than a component that swings: a stroke, a collapse below the pre-charge.
    assert own - known <= {"accumulator_precharge_knee", "accumulator_capacitance", "valve_dead_time"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [0.2, 7.0])
def test_machines_that_differ_in_size_only_look_the_same(kind: ComponentType, size: float):
    small, large = measured_component(kind), measured_component(kind, size=size)
    values = lively(small)
    grown = values.copy()
    for row, sensor in enumerate(small.sensors):
        if sensor.quantity in {Quantity.FLOW, Quantity.POWER}:
            grown[row] *= size
    np.testing.assert_allclose(
        computed(large, window_of_values(large, grown)), computed(small, window_of_values(small, values)), rtol=2e-3
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_machine_that_measures_nothing_has_no_residuals(kind: ComponentType):
    machine = measured_component(kind)
    silent = np.full((len(machine.sensors), 60), np.nan, np.float32)
    assert not names(computed(machine, window_of_values(machine, silent)).ravel())


@pytest.mark.parametrize("kind", KINDS)
def test_each_residual_goes_with_the_sensors_that_it_needs(kind: ComponentType):
    machine = measured_component(kind)
    values = lively(machine)
    whole = computed(machine, window_of_values(machine, values))[PART]
    for row, sensor in enumerate(machine.sensors):
        without = values.copy()
        without[row] = np.nan
        rest = computed(machine, window_of_values(machine, without))[PART]
        for place in np.flatnonzero(np.isfinite(whole) & np.isfinite(rest)):
            residual = next(one for one in residuals_of(kind) if one.name == PHYSICS.names[place])
            lone = {need.alternatives[0] for need in residual.needs if len(need.alternatives) == 1}
            assert sensor.component != "part" or (sensor.port,) not in lone, residual.name


def test_gaps_change_a_mean_little_and_a_window_of_little_is_masked():
    machine = measured_component(ComponentType.FILTER)
    values = lively(machine)
    place = PHYSICS.names.index("filter_resistance")
    whole = computed(machine, window_of_values(machine, values))[PART, place]
    gappy = values.copy()
    gappy[:, 700:1400] = np.nan
    assert computed(machine, window_of_values(machine, gappy))[PART, place] == pytest.approx(whole, rel=0.2)
    gappy[:, 50:] = np.nan
    assert np.isnan(computed(machine, window_of_values(machine, gappy))[PART, place])


def test_the_same_window_gives_the_same_bits():
    machine = measured_component(ComponentType.PISTON_PUMP)
    window = window_of_values(machine, lively(machine))
    np.testing.assert_array_equal(computed(machine, window), computed(machine, window))


def test_every_kind_of_the_literature_has_residuals():
    without = {ComponentType.CHECK_VALVE, ComponentType.MANIFOLD}
    lines = FAMILIES[-1][1]
    assert {kind for kind in ComponentType if residuals_of(kind) == lines} == without


def test_names_are_unique_and_every_fault_is_shown_by_some_residual():
    assert PHYSICS.id == "physics-1/1"
    assert len(set(PHYSICS.names)) == len(PHYSICS)
    shown = {fault for _, residuals in FAMILIES for one in residuals for fault in one.shows}
    assert shown == set(FaultMode)


def effect(healthy: list[float], failed: list[float]) -> float:
    """Cohen's d."""
    spread = np.sqrt((np.var(healthy) + np.var(failed)) / 2)
    return float((np.mean(failed) - np.mean(healthy)) / spread)


@pytest.fixture(scope="module")
def rig() -> dict[str, list[tuple[dict, float]]]:
    """Residuals of the rig in the recording that is shipped: by name, labels and value of each window."""
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    recording = read_recording(CONFIGS / "recordings" / "zema-sample")
    nodes = {"pump_delivery": "pump", "pump_overall_efficiency": "pump", "accumulator_gas": "accumulator"}
    found: dict[str, list[tuple[dict, float]]] = {name: [] for name in nodes}
    for row in recording.labels:
        residuals = computed(machine, cut_window(machine, recording.series, row.start_us, row.end_us))
        for name, node in nodes.items():
            value = residuals[machine.component_index[node], PHYSICS.names.index(name)]
            found[name].append((row.values, float(value)))
    return found


@pytest.mark.parametrize("name", ["pump_delivery", "pump_overall_efficiency"])
def test_on_the_rig_what_the_pump_gives_falls_as_it_leaks(rig: dict, name: str):
    by_level = {
        level: [value for labels, value in rig[name] if (labels["campaign"], labels["pump"]) == (2, level)]
        for level in (0, 2)
    }
    assert effect(by_level[0], by_level[2]) < -5


def test_on_the_rig_there_is_less_gas_in_an_accumulator_of_lower_precharge(rig: dict):
    by_level = {
        level: [
            value
            for labels, value in rig["accumulator_gas"]
            if (labels["campaign"], labels["pump"], labels["accumulator"]) == (2, 0, level)
        ]
        for level in (130, 90)
    }
    assert effect(by_level[130], by_level[90]) < -5


def test_on_the_rig_at_100_hz_a_lagging_valve_rises_slower():
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    recording = read_recording(CONFIGS / "recordings" / "zema-full-rate")
    node, place = machine.component_index["valve"], PHYSICS.names.index("valve_rise_time")
    rise = {}
    for row in recording.labels:
        residuals = computed(machine, cut_window(machine, recording.series, row.start_us, row.end_us))
        rise[row.values["valve"]] = residuals[node, place]
    # 25 and 35 ms, over the usual 50 ms.
    assert rise == {100: pytest.approx(0.51, abs=0.03), 80: pytest.approx(0.69, abs=0.03)}
