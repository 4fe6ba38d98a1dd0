import numpy as np
import pytest

from edge_runtime.features.physics import motor
from edge_runtime.vocabulary import Port
from tests.models.operations import operation

# 25 cm³ at 1000 rpm take 25 l/min; 100 bar · 25 l/min / 600 = 4.17 kW ideally.
SIGNALS = {
    Port.PRESSURE_IN: 110.0,
    Port.PRESSURE_OUT: 10.0,
    Port.FLOW_IN: 27.5,
    Port.SPEED: 1000.0,
    Port.POWER: 3750.0,
}
PLATE = {"displacement_cm3": 25.0}


def test_residuals_are_those_of_the_volume_and_energy_balance():
    one = operation(SIGNALS, PLATE)
    assert motor.volumetric_efficiency(one) == pytest.approx(25 / 27.5)
    assert motor.leakage(one) == pytest.approx((27.5 - 25) / 30 * 250 / 100)
    assert motor.hydromechanical_efficiency(one) == pytest.approx(3750 / (100e5 * 25e-3 / 60))


def test_a_motor_without_load_says_nothing():
    idle = operation({**SIGNALS, Port.PRESSURE_IN: 10.0}, PLATE)
    assert np.isnan(motor.leakage(idle)).all()
