import numpy as np
import pytest

from edge_runtime.features.physics.filter import resistance
from edge_runtime.fluid import Fluid
from edge_runtime.vocabulary import Port
from tests.models.operations import operation

PLATE = {"pressure_bar": 5.0}


def test_resistance_is_pressure_over_flow():
    one = operation({Port.PRESSURE_IN: 2.0, Port.FLOW_IN: 15.0}, PLATE, to_tank=True)
    assert resistance(one) == pytest.approx((2 / 5) / (15 / 30))


@pytest.mark.parametrize("celsius", [15.0, 70.0])
def test_the_same_element_has_the_same_resistance_cold_and_hot(celsius: float):
    thickness = Fluid().relative_viscosity(np.array(celsius))
    one = operation({Port.PRESSURE_DIFFERENCE: 1.5 * thickness, Port.FLOW_OUT: 30.0}, PLATE, oil_c=celsius)
    assert resistance(one) == pytest.approx(1.5 / 5)


def test_a_differential_gauge_goes_before_two_single_ones():
    both = {Port.PRESSURE_DIFFERENCE: 1.0, Port.PRESSURE_IN: 9.0, Port.PRESSURE_OUT: 3.0, Port.FLOW_IN: 30.0}
    assert resistance(operation(both, PLATE)) == pytest.approx(1 / 5)


def test_gaps_do_not_count():
    flow = np.where(np.arange(60) < 50, np.nan, 30.0)
    assert resistance(operation({Port.PRESSURE_DIFFERENCE: 1.0, Port.FLOW_IN: flow}, PLATE)) == pytest.approx(1 / 5)


def test_without_flow_there_is_no_resistance():
    assert np.isnan(resistance(operation({Port.PRESSURE_DIFFERENCE: 0.0, Port.FLOW_IN: 0.0}, PLATE))).all()
