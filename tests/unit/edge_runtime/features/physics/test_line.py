import numpy as np
import pytest

from edge_runtime.features.physics import line
from edge_runtime.vocabulary import Port
from tests.models.operations import operation


def test_loss_is_what_enters_and_does_not_leave():
    assert line.flow_loss(operation({Port.FLOW_OUT: 20.0}, beyond=18.5)) == pytest.approx(1.5 / 30)


def test_bulk_modulus_is_that_of_a_line_that_fills():
    # dp/dt = K/V · (Q_up − Q_down), K = 9000 bar, V = 0.5 l; the meters differ by 0.3 l/min.
    time_s = np.arange(1000) / 1000
    imbalance = 6 * np.sin(2 * np.pi * 5 * time_s)
    pressure = 100 + 9000 / 0.5 * 0.1 * (1 - np.cos(2 * np.pi * 5 * time_s)) / (2 * np.pi * 5)
    signals = {Port.PRESSURE_OUT: pressure, Port.FLOW_OUT: 20 + imbalance + 0.3}
    one = operation(signals, beyond=20.0, line_volume_l=0.5, step_s=0.001)
    assert line.bulk_modulus(one) == pytest.approx(9000 / 14000, rel=1e-3)


def test_meters_that_agree_say_nothing_of_the_bulk_modulus():
    one = operation({Port.PRESSURE_OUT: 100.0, Port.FLOW_OUT: 20.0}, beyond=20.0, line_volume_l=0.5, step_s=0.001)
    assert np.isnan(line.bulk_modulus(one)).all()
