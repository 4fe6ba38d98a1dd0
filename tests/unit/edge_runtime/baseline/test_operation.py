import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.baseline.operation import MARGIN, Axis, OperatingAxes, OperatingPoint, Regime
from edge_runtime.machine import Machine
from tests.models.tiny_bundle import TINY_MACHINE, tiny_machine

EPS1_BIN_W = 750  # a quarter of the pump's 3000 W
AXES = OperatingAxes.of(tiny_machine())


def machine_with(*sensors, without=()):
    document = yaml.safe_load(TINY_MACHINE)
    kept = [sensor for sensor in document["sensors"] if sensor["name"] not in without]
    return Machine.model_validate({**document, "sensors": [*kept, *sensors]})


def command(name="U1"):
    place = {"component": "valve", "port": "command", "rate_hz": 1, "valid_min": 0, "valid_max": 100}
    return {"name": name, "quantity": "command", "unit": "%", **place}


def speed():
    place = {"component": "pump", "port": "speed", "rate_hz": 1, "valid_min": 0, "valid_max": 3000}
    return {"name": "N1", "quantity": "speed", "unit": "rpm", **place}


@pytest.mark.parametrize(
    ("machine", "load"),
    [
        (machine_with(command(), speed()), {"U1": 25.0, "N1": 375.0}),
        (machine_with(), {"EPS1": EPS1_BIN_W}),
        (machine_with(without=("EPS1",)), {"PS1": 50.0}),
        (machine_with(without=("EPS1", "PS1")), {}),
    ],
    ids=["what is set from outside", "else power", "else pressure at the pump", "else nothing"],
)
def test_load_is_told_by_the_best_signals_there_are(machine, load):
    assert {axis.name: axis.width for axis in OperatingAxes.of(machine).load} == load


def test_without_a_thermometer_regimes_are_loads_alone():
    axes = OperatingAxes.of(machine_with(without=("TS1",)))
    point = axes.point(np.array([160.0, 2000.0, 9.0]))
    assert axes.regimes(point) == (Regime(load=(2,)),)
    assert axes.words(Regime(load=(2,))) == "EPS1 1500–2250 W"


def test_a_point_teaches_its_regime_and_the_parent():
    point = AXES.point(np.array([160.0, 2000.0, 9.0, 44.0]))
    assert AXES.regimes(point) == (Regime(load=(2,)), Regime(load=(2,), oil=4))
    assert AXES.words(Regime(load=(2,), oil=4)) == "EPS1 1500–2250 W, oil 40–50 °C"
    assert AXES.words(Regime(load=(2,))) == "EPS1 1500–2250 W, oil at any temperature"


def test_with_a_silent_load_signal_nothing_can_be_told():
    point = AXES.point(np.array([160.0, np.nan, 9.0, 44.0]))
    assert AXES.regimes(point) == ()
    assert AXES.nearest(point, [Regime(load=(2,))]) is None


def test_with_a_silent_thermometer_the_parent_counts():
    point = AXES.point(np.array([160.0, 2000.0, 9.0, np.nan]))
    assert AXES.regimes(point) == (Regime(load=(2,)),)
    assert AXES.nearest(point, [Regime(load=(2,)), Regime(load=(2,), oil=4)]) == Regime(load=(2,))


@pytest.mark.parametrize(
    ("power", "oil", "found"),
    [
        (2000, 44, Regime(load=(2,), oil=4)),
        (2250 + 0.49 * EPS1_BIN_W, 44, Regime(load=(2,), oil=4)),
        (2000, 54.9, Regime(load=(2,), oil=4)),
        (2000, 56, Regime(load=(2,))),
        (2250 + 0.51 * EPS1_BIN_W, 44, None),
        (300, 44, None),
    ],
    ids=["inside", "at the edge of the load", "a little warmer", "much warmer", "more load", "idle"],
)
def test_what_was_never_seen_falls_back_to_the_parent_or_to_nothing(power, oil, found):
    learned = [Regime(load=(2,)), Regime(load=(2,), oil=4)]
    assert AXES.nearest(OperatingPoint((float(power),), float(oil)), learned) == found


@given(value=st.floats(-1e6, 1e6), width=st.floats(0.1, 1e4))
def test_a_value_is_in_its_bin_and_never_within_the_margin_of_one_three_away(value, width):
    axis = Axis("x", "", (0,), width)
    number = axis.bin(value)
    assert axis.outside(number, value) <= 1e-9 * max(1.0, abs(value / width))
    assert axis.outside(number + 3, value) > MARGIN
