import numpy as np
import pytest

from edge_runtime.baseline.deviation import LEAST_SPREAD_SHARE, compare
from edge_runtime.baseline.profile import profile
from edge_runtime.diagnosis import BaselineOrigin
from edge_runtime.evidence import MOST_SHOWN, Expectation, evidence, expectations, sensors_of, strongest
from edge_runtime.manifest import SensorBaseline
from tests.models.tiny_bundle import tiny_machine, window_of
from tests.models.working_machine import IDLING_W, baseline_of, window_at


@pytest.fixture
def machine():
    return tiny_machine()


def baseline(**means):
    return {name: Expectation(mean, 1.0, BaselineOrigin.MODEL) for name, mean in means.items()}


def test_shows_the_components_own_sensors_by_falling_deviation(machine):
    window = window_of(machine, level=0.5)
    found = strongest(machine, "pump", evidence(machine, window, baseline(PS1=100.0, EPS1=2000.0, FS1=-1e6, TS1=-1e6)))
    assert [item.sensor for item in found] == ["EPS1", "PS1"]
    seen = float(np.mean(window.channels[0].values))
    assert found[1].seen == pytest.approx(seen)
    assert found[1].deviation == pytest.approx(seen - 100.0, rel=1e-5)
    assert (found[1].expected, found[1].unit) == (100.0, "bar")


def test_a_component_without_sensors_has_the_whole_machine_for_witness(machine):
    found = strongest(
        machine,
        "accumulator",
        evidence(machine, window_of(machine), baseline(PS1=100.0, EPS1=2000.0, FS1=10.0, TS1=49.0)),
    )
    assert len(found) == MOST_SHOWN
    assert found[0].sensor == "EPS1"


def test_silent_and_unknown_sensors_are_no_evidence(machine):
    assert strongest(machine, "pump", evidence(machine, window_of(machine, silent=("PS1",)), baseline(PS1=1.0))) == ()
    assert strongest(machine, "pump", evidence(machine, window_of(machine), {})) == ()


def test_gaps_are_left_out_of_what_was_seen(machine):
    window = window_of(machine)
    window.channels[0].values[10:] = np.nan
    (found,) = strongest(machine, "pump", evidence(machine, window, baseline(PS1=100.0)))
    assert found.seen == pytest.approx(float(np.mean(window.channels[0].values[:10])), rel=1e-6)


def test_a_signal_that_stood_still_in_training_does_not_make_noise_look_like_proof(machine):
    still = expectations(machine, {"TS1": SensorBaseline(mean=50.0, std=0.0)}, None)
    (found,) = strongest(machine, "tank", evidence(machine, window_of(machine, level=0.5), still))
    sensor = machine.sensor("TS1")
    span = sensor.valid_max - sensor.valid_min
    assert found.deviation == pytest.approx((found.seen - 50.0) / (LEAST_SPREAD_SHARE * span))


def test_the_machines_own_baseline_goes_before_the_models(machine):
    learned = baseline_of([window_at(number, silent=("FS1",)) for number in range(10)])
    model = {name: SensorBaseline(mean=1.0, std=1.0) for name in ("PS1", "EPS1", "FS1")}
    window = window_at(20, pressure=150)
    expected = expectations(machine, model, compare(machine, learned, profile(window)))
    assert {name: item.origin for name, item in expected.items()} == {
        "PS1": BaselineOrigin.MACHINE,
        "EPS1": BaselineOrigin.MACHINE,
        "FS1": BaselineOrigin.MODEL,
        "TS1": BaselineOrigin.MACHINE,
    }
    pressure, flow = strongest(machine, "valve", evidence(machine, window, expected))
    assert (pressure.sensor, pressure.baseline) == ("PS1", BaselineOrigin.MACHINE)
    assert pressure.expected == pytest.approx(160, abs=0.2)
    assert pressure.deviation == pytest.approx(-10 / (LEAST_SPREAD_SHARE * 250), rel=0.05)
    assert (flow.sensor, flow.baseline) == ("FS1", BaselineOrigin.MODEL)


def test_half_a_work_cycle_is_not_held_against_a_whole_one(machine):
    def cycle(number):
        window = window_at(number)
        window.channels[machine.sensor_index["PS1"]].values[:30] += 40.0
        return window

    learned = baseline_of([cycle(number) for number in range(10)])
    window = cycle(20)
    window.channels[machine.sensor_index["PS1"]].values[:30] = np.nan
    expected = expectations(machine, {}, compare(machine, learned, profile(window)))
    (pressure,) = (
        item for item in strongest(machine, "valve", evidence(machine, window, expected)) if item.sensor == "PS1"
    )
    assert pressure.expected == pytest.approx(160, abs=0.5)
    assert abs(pressure.deviation) < 3


def test_in_a_regime_never_seen_healthy_the_models_baseline_counts(machine):
    learned = baseline_of([window_at(number) for number in range(10)])
    idle = compare(machine, learned, profile(window_at(20, power=IDLING_W)))
    model = {"PS1": SensorBaseline(mean=1.0, std=1.0)}
    assert expectations(machine, model, idle) == {"PS1": Expectation(1.0, 1.0, BaselineOrigin.MODEL)}


def test_a_sensor_belongs_to_every_component_it_is_placed_at(machine):
    assert [sensor.name for sensor in sensors_of(machine, "valve")] == ["PS1", "FS1"]
    assert sensors_of(machine, "accumulator") == ()
