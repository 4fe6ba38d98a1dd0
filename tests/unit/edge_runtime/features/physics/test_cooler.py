import numpy as np
import pytest

from edge_runtime.features.physics import cooler
from edge_runtime.vocabulary import Port
from tests.models.operations import operation

SIGNALS = {Port.TEMPERATURE_IN: 60.0, Port.TEMPERATURE_OUT: 50.0, Port.FLOW_IN: 15.0}
PLATE = {"coolant_c": 20.0, "power_w": 5000.0}


def test_heat_is_capacity_times_flow_times_temperature_drop():
    one = operation(SIGNALS, PLATE)
    # 860 · 1900 J/(m³·K) · 15 l/min · 10 K = 4085 W.
    assert cooler.heat(one) == pytest.approx(4085 / 5000)
    assert cooler.temperature_drop(one) == pytest.approx(10 / 40)


def test_effectiveness_and_conductance_are_those_of_the_ntu_method():
    one = operation(SIGNALS, PLATE)
    assert cooler.effectiveness(one) == pytest.approx(10 / 40)
    assert cooler.conductance(one) == pytest.approx(-np.log(0.75) * 15 / 30)


def test_oil_as_cold_as_the_coolant_says_nothing_of_the_cooler():
    cold = operation({**SIGNALS, Port.TEMPERATURE_IN: 20.5, Port.TEMPERATURE_OUT: 20.4}, PLATE)
    assert np.isnan(cooler.effectiveness(cold)).all()


def test_resistance_is_pressure_over_flow():
    one = operation({Port.PRESSURE_IN: 9.0, Port.PRESSURE_OUT: 8.0, Port.FLOW_OUT: 15.0}, {"pressure_bar": 10.0})
    assert cooler.resistance(one) == pytest.approx(0.1 / 0.5)
