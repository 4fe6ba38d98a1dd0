import numpy as np
import pytest

from edge_runtime.features.physics import relief_valve
from edge_runtime.vocabulary import Port
from tests.models.operations import operation

SETTING = {"pressure_bar": 200.0}


def test_cracking_pressure_is_where_the_flow_begins():
    flow = np.linspace(0, 20, 60)
    one = operation({Port.PRESSURE_IN: 180 + 1.5 * flow, Port.FLOW_OUT: flow}, SETTING, to_tank=True)
    assert relief_valve.cracking_pressure(one) == pytest.approx(180 / 200)


def test_at_one_flow_the_cracking_pressure_is_unknown():
    one = operation({Port.PRESSURE_IN: 190.0, Port.FLOW_OUT: 10.0}, SETTING, to_tank=True)
    assert np.isnan(relief_valve.cracking_pressure(one)).all()


def test_seat_leakage_is_the_flow_below_the_setting():
    pressure = np.where(np.arange(60) < 40, 100.0, 205.0)
    flow = np.where(np.arange(60) < 40, 0.6, 15.0)
    one = operation({Port.PRESSURE_IN: pressure, Port.FLOW_OUT: flow}, SETTING, to_tank=True)
    assert relief_valve.seat_leakage(one) == pytest.approx(0.6 / 30)


def test_throttling_100_bar_warms_the_oil_by_six_kelvin():
    # 100 bar over 860 kg/m³ · 1900 J/(kg·K) are 6.12 K.
    signals = {Port.PRESSURE_IN: 100.0, Port.TEMPERATURE_IN: 50.0, Port.TEMPERATURE_OUT: 56.12}
    assert relief_valve.heating(operation(signals, SETTING, to_tank=True)) == pytest.approx(1, abs=1e-3)
