import numpy as np
import pytest

from edge_runtime.features.physics import valve
from edge_runtime.vocabulary import Port
from tests.models.operations import operation

TIME_S = np.arange(3000) / 100


def switched(delay_s: float, rise_s: float) -> np.ndarray:
    """Opens every 10 s from the 2nd on for 5 s; a straight rise whose 10–90 % takes 0.8 of `rise_s`."""
    since = (TIME_S - 2) % 10
    return 150 * np.clip((since - delay_s) / rise_s, 0, 1) * (since < 5)


def test_conductance_is_flow_over_command_and_root_of_pressure():
    signals = {Port.PRESSURE_IN: 200.0, Port.PRESSURE_OUT: 190.0, Port.FLOW_OUT: 12.0, Port.COMMAND: 50.0}
    one = operation(signals)
    assert valve.conductance(one) == pytest.approx((12 / 30) / (0.5 * np.sqrt(10 / 250)))
    assert valve.open_conductance(one) == pytest.approx((12 / 30) / np.sqrt(10 / 250))


def test_a_shut_valve_has_no_conductance():
    shut = operation({Port.PRESSURE_DIFFERENCE: 200.0, Port.FLOW_OUT: 0.0, Port.COMMAND: 0.0})
    assert np.isnan(valve.conductance(shut)).all()
    assert np.isnan(valve.open_conductance(shut)).all()


@pytest.mark.parametrize("rise_s", [0.05, 0.2, 1.0])
def test_rise_time_is_from_10_to_90_percent_over_the_rated_one(rise_s: float):
    one = operation({Port.PRESSURE_OUT: switched(0.03, rise_s)}, {"response_ms": 40.0}, step_s=0.01)
    assert valve.rise_time(one) == pytest.approx(0.8 * rise_s / 0.04, rel=0.05)


@pytest.mark.parametrize("delay_s", [0.02, 0.31])
def test_dead_time_is_from_the_command_to_the_first_tenth(delay_s: float):
    command = np.where((TIME_S - 2) % 10 < 5, 100.0, 0.0)
    one = operation({Port.COMMAND: command, Port.POSITION: switched(delay_s, 0.1)}, step_s=0.01)
    assert valve.dead_time(one) == pytest.approx((delay_s + 0.01) / 0.05, abs=0.011 / 0.05)


@pytest.mark.parametrize("response", [np.full(3000, 150.0), 150 + np.sin(TIME_S * 7), np.full(3000, np.nan)])
def test_a_valve_that_does_not_switch_has_no_rise_time(response: np.ndarray):
    assert np.isnan(valve.rise_time(operation({Port.PRESSURE_OUT: response}, step_s=0.01))).all()


def test_a_rise_within_a_gap_does_not_count():
    response = switched(0.0, 0.1)
    response[(TIME_S > 1.9) & (TIME_S < 2.05)] = np.nan
    one = operation({Port.PRESSURE_OUT: response}, step_s=0.01)
    assert valve.rise_time(one) == pytest.approx(0.08 / 0.05, rel=0.05)


def test_decay_is_the_share_of_pressure_lost_in_a_minute():
    held = 100 * np.exp(-np.arange(60) / 300)
    shut = operation({Port.PRESSURE_OUT: held, Port.COMMAND: 0.0})
    assert valve.closed_decay(shut) == pytest.approx(60 / 300, rel=1e-3)
    assert np.isnan(valve.closed_decay(operation({Port.PRESSURE_OUT: held, Port.COMMAND: 100.0}))).all()
