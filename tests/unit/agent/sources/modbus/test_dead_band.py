import math

from hypothesis import given
from hypothesis import strategies as st

from agent.sources.modbus.dead_band import DeadBand
from agent.sources.modbus.decoder import DEVICE_FAULT, NOT_A_NUMBER, Values
from agent.sources.modbus.registers import RegisterSettings


def bands(*widths, every_s=10.0):
    return DeadBand(
        [RegisterSettings(sensor="S", address=0, dead_band=width, at_least_every_s=every_s) for width in widths]
    )


def sample(*numbers, statuses=None):
    return Values(numbers, statuses or [0] * len(numbers))


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=50))
def test_what_is_delivered_is_never_further_off_than_the_band(numbers):
    band, last = bands(1.0, every_s=1000.0), math.nan
    for k, number in enumerate(numbers):
        if band.chosen(sample(number), float(k))[0]:
            last = number
        assert abs(number - last) < 1.0


def test_creeping_changes_add_up():
    band = bands(1.0, every_s=1000.0)
    delivered = [
        number for k, number in enumerate(0.3 * step for step in range(17)) if band.chosen(sample(number), k)[0]
    ]
    assert [round(number, 1) for number in delivered] == [0.0, 1.2, 2.4, 3.6, 4.8]


def test_a_resting_value_is_delivered_in_time():
    band = bands(1.0, every_s=10.0)
    assert [k for k in range(31) if band.chosen(sample(5.0), float(k))[0]] == [0, 10, 20, 30]


def test_a_change_of_status_is_delivered_at_once_and_only_once():
    band = bands(1.0, every_s=1000.0)
    course = [
        (5.0, 0),
        (5.0, 0),
        (math.nan, DEVICE_FAULT),
        (math.nan, DEVICE_FAULT),
        (math.nan, NOT_A_NUMBER),
        (5.0, 0),
    ]
    chosen = [band.chosen(sample(number, statuses=[status]), float(k))[0] for k, (number, status) in enumerate(course)]
    assert chosen == [True, False, True, False, True, True]


def test_each_register_has_its_own_band():
    band = bands(0.0, 1.0)
    assert band.chosen(sample(1.0, 1.0), 0.0) == [True, True]
    assert band.chosen(sample(1.0, 1.0), 1.0) == [True, False]
