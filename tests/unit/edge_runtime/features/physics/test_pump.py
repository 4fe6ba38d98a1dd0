import numpy as np
import pytest

from edge_runtime.features.physics import pump
from edge_runtime.features.physics.operation import Operation
from edge_runtime.fluid import Fluid
from edge_runtime.vocabulary import Port
from tests.models.operations import operation

# 20 cm³ at 1500 rpm displace 30 l/min.
PLATE = {"displacement_cm3": 20.0, "speed_rpm": 1500.0}


def running(**changes: object) -> Operation:
    signals = {Port.PRESSURE_OUT: 200.0, Port.FLOW_OUT: 27.0, Port.POWER: 11_000.0}
    return operation(signals, PLATE, from_tank=True, **changes)


def test_efficiencies_are_those_of_the_energy_balance():
    # 200 bar · 27 l/min / 600 = 9 kW out, 200 · 30 / 600 = 10 kW displaced, 11 kW in.
    assert pump.volumetric_efficiency(running()) == pytest.approx(27 / 30)
    assert pump.overall_efficiency(running()) == pytest.approx(9 / 11)
    assert pump.hydromechanical_efficiency(running()) == pytest.approx(10 / 11)
    assert pump.delivery(running()) == pytest.approx(27 / 30)


def test_leakage_is_what_is_lost_at_rated_pressure_and_40_degrees():
    assert pump.leakage(running()) == pytest.approx(0.1 * 250 / 200)


@pytest.mark.parametrize("celsius", [20.0, 55.0, 80.0])
@pytest.mark.parametrize("bar", [60.0, 240.0])
def test_leakage_through_the_same_gap_is_the_same_hot_or_cold_under_any_load(celsius: float, bar: float):
    through_gap = 30 * 0.05 * (bar / 250) / Fluid().relative_viscosity(np.array(celsius))
    one = operation({Port.PRESSURE_OUT: bar, Port.FLOW_OUT: 30 - through_gap}, PLATE, oil_c=celsius, from_tank=True)
    assert pump.leakage(one) == pytest.approx(0.05)


def test_droop_tells_the_same_gap_without_displacement_and_speed():
    bar = np.linspace(100, 240, 60)
    one = operation({Port.PRESSURE_OUT: bar, Port.FLOW_OUT: 30 - 30 * 0.05 * bar / 250}, from_tank=True)
    assert pump.flow_droop(one) == pytest.approx(0.05)


def test_droop_is_unknown_while_the_load_stays_the_same():
    assert np.isnan(pump.flow_droop(running())).all()


def test_a_speed_sensor_goes_before_the_nameplate():
    measured = {Port.PRESSURE_OUT: 200.0, Port.FLOW_OUT: 13.0, Port.SPEED: 750.0}
    slow = operation(measured, {**PLATE, "flow_l_min": 15.0}, from_tank=True)
    assert pump.volumetric_efficiency(slow) == pytest.approx(13 / 15)


def test_oil_that_goes_over_a_relief_valve_is_not_the_pumps_fault():
    flow = np.where(np.arange(60) < 30, 27.0, 3.0)
    one = operation({Port.PRESSURE_OUT: 200.0, Port.FLOW_OUT: flow}, PLATE, from_tank=True)
    assert pump.volumetric_efficiency(one) == pytest.approx(27 / 30)


def test_a_pump_that_stands_still_says_nothing():
    still = operation({Port.PRESSURE_OUT: 0.0, Port.FLOW_OUT: 0.0, Port.POWER: 0.0}, PLATE, from_tank=True)
    for residual in (pump.volumetric_efficiency, pump.leakage, pump.overall_efficiency, pump.delivery):
        assert np.isnan(residual(still)).all()


def test_suction_margin_is_the_lowest_absolute_pressure_over_the_atmospheres():
    inlet = np.where(np.arange(60) == 7, -0.4, -0.1)
    assert pump.suction_margin(operation({Port.PRESSURE_IN: inlet})) == pytest.approx(1 - 0.4 / 1.01325)


def test_a_tank_before_the_pump_says_nothing_of_its_suction():
    assert np.isnan(pump.suction_margin(running())).all()
