import numpy as np
import pytest

from edge_runtime.features.physics import tank
from edge_runtime.vocabulary import Port
from tests.models.operations import operation


def test_heat_that_stays_is_capacity_times_warming():
    # 100 l that warm by 0.6 K a minute: 100 · 1634 J/K · 0.01 K/s = 1634 W.
    warming = 40 + np.arange(60) * 0.01
    one = operation({Port.TEMPERATURE_OUT: warming}, {"volume_l": 100.0})
    assert tank.heat_storage(one) == pytest.approx(1634 / 10_000)


def test_level_is_lost_in_ranges_an_hour():
    one = operation({Port.POSITION: 300 - np.arange(60) * 0.01})
    assert tank.level_change(one) == pytest.approx(-0.01 * 3600 / 500)
