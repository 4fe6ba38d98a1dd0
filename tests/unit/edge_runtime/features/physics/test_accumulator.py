import numpy as np
import pytest

from edge_runtime.features.physics import accumulator
from edge_runtime.features.physics.operation import Operation
from edge_runtime.vocabulary import Port
from tests.models.operations import operation

PLATE = {"pressure_bar": 160.0, "precharge_bar": 100.0, "volume_l": 2.0, "flow_l_min": 30.0}
STEP_S = 0.01


def circuit(precharge_bar: float, celsius: float = 20.0) -> Operation:
    """A pump of 20 l/min and a 2 l accumulator feed a load whose resistance changes every eight seconds.

    The gas follows p·V^1.3 about the volume that it has, as warm as the oil, at 140 bar; integrated by Euler in 10 ms.
    """
    resistance = 20.0 / np.array([130.0, 150.0, 140.0, 155.0, 135.0, 150.0, 140.0, 150.0])
    mean_abs = 141.0
    gas_l = (precharge_bar + 1.013) * 2.0 * (celsius + 273.15) / 293.15 / mean_abs
    steps = 6000
    pressure, flow = np.empty(steps), np.empty(steps)
    p = 130.0
    for k in range(steps):
        pressure[k], flow[k] = p, p * resistance[min(k // 800, 7)]
        volume = gas_l * (mean_abs / (p + 1.013)) ** (1 / 1.3)
        p += STEP_S * (20.0 - flow[k]) / 60 * 1.3 * (p + 1.013) / volume
    seconds = (part.reshape(60, 100).mean(axis=1) for part in (pressure, flow))
    return operation(dict(zip((Port.PRESSURE_OUT, Port.FLOW_OUT), seconds, strict=True)), PLATE, oil_c=celsius)


@pytest.mark.parametrize("precharge_bar", [60.0, 80.0, 100.0])
def test_the_precharge_is_found_from_how_the_pressure_answers_the_flow(precharge_bar: float):
    assert accumulator.precharge(circuit(precharge_bar)) == pytest.approx(precharge_bar / 100, rel=0.1)


def test_a_hot_accumulator_has_no_more_gas_than_a_cold_one():
    cold, hot = (accumulator.gas(circuit(80.0, celsius)) for celsius in (20.0, 65.0))
    assert hot == pytest.approx(cold, rel=0.02)


def test_capacitance_is_oil_for_a_bar():
    # At 140 bar 81 bar · 2 l are 1.15 l of gas, which gives 1.15/(1.3 · 141) l for a bar.
    expected = 81.0 * 2 / 141 / (1.3 * 141) * 160 / 30
    assert accumulator.capacitance(circuit(80.0)) == pytest.approx(expected, rel=0.08)


def test_gas_is_unknown_while_the_load_stays_the_same():
    steady = operation({Port.PRESSURE_OUT: 140.0, Port.FLOW_OUT: 20.0}, PLATE)
    assert np.isnan(accumulator.gas(steady)).all()


@pytest.mark.parametrize("precharge_bar", [60.0, 90.0])
def test_the_pressure_collapses_below_the_precharge(precharge_bar: float):
    above = np.linspace(150, precharge_bar, 1500)
    below = np.linspace(precharge_bar, 0, 30)
    one = operation({Port.PRESSURE_OUT: np.concatenate([above, below])}, PLATE, step_s=STEP_S)
    assert accumulator.precharge_knee(one) == pytest.approx(precharge_bar / 100, abs=0.04)


def test_a_window_that_does_not_go_below_the_precharge_has_no_knee():
    one = operation({Port.PRESSURE_OUT: np.linspace(150, 110, 1500)}, PLATE, step_s=STEP_S)
    assert np.isnan(accumulator.precharge_knee(one)).all()
