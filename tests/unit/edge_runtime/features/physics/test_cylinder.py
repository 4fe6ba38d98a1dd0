import numpy as np
import pytest

from edge_runtime.features.physics import cylinder
from edge_runtime.vocabulary import Port
from tests.models.operations import operation

PLATE = {"bore_mm": 50.0, "rod_mm": 30.0}
AREA_MM2 = np.pi / 4 * 50**2
# Out at 40 mm/s for 10 s, at rest for 10 s, back for 10 s.
POSITION = np.interp(np.arange(60), [0, 10, 20, 30, 60], [50, 450, 450, 50, 50])


def test_friction_is_half_the_difference_between_the_strokes_whatever_the_load():
    speed = np.gradient(POSITION)
    ring = 1 - (30 / 50) ** 2
    for load_bar in (0.0, 60.0):
        piston_side = 5 * ring + load_bar + 8 * np.sign(speed)
        one = operation({Port.PRESSURE_IN: piston_side, Port.PRESSURE_OUT: 5.0, Port.POSITION: POSITION}, PLATE)
        assert cylinder.friction(one) == pytest.approx(8 / 250)


def test_leakage_is_oil_that_does_not_move_the_piston():
    swept = AREA_MM2 * 40 * 60 / 1e6
    one = operation({Port.FLOW_IN: swept + 0.9, Port.POSITION: POSITION}, PLATE)
    # The samples at either end of the stroke are half at rest.
    inner = np.where((np.arange(60) > 0) & (np.arange(60) < 10), swept + 0.9, np.nan)
    assert cylinder.leakage(operation({Port.FLOW_IN: inner, Port.POSITION: POSITION}, PLATE)) == pytest.approx(0.9 / 30)
    assert cylinder.leakage(one) > 0.9 / 30


def test_drift_is_in_strokes_a_minute_and_only_at_rest():
    creeping = 200 - np.arange(60) * 0.25
    one = operation({Port.POSITION: creeping, Port.COMMAND: 0.0})
    assert cylinder.hold_drift(one) == pytest.approx(0.25 * 60 / 500)
    assert np.isnan(cylinder.hold_drift(operation({Port.POSITION: creeping, Port.COMMAND: 80.0}))).all()
