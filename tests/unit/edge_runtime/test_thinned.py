import numpy as np

from edge_runtime.quality import Quality, Reason, status
from edge_runtime.reading import Series
from edge_runtime.thinned import filled
from tests.columns import SECOND_US, signal

MEAN = status(Quality.GOOD, Reason.THINNED)
EXTREME = status(Quality.GOOD, Reason.THINNED_EXTREME)


def thinned_second(second, mean, low, high, offset_us=0):
    start_us = second * SECOND_US + offset_us
    return Series(start_us + np.arange(3), np.array([mean, low, high]), np.array([MEAN, EXTREME, EXTREME], np.uint8))


def joined(*parts):
    return Series(
        np.concatenate([part.times_us for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.statuses for part in parts]),
    )


def test_a_thinned_second_is_its_mean_throughout():
    whole = signal(np.arange(10.0), step_us=SECOND_US // 10)
    series = filled(joined(whole, thinned_second(1, 5.5, 5, 6), thinned_second(3, 7.5, 7, 8, offset_us=20_000)))
    assert series.times_us.tolist() == [
        *range(0, 2 * SECOND_US, SECOND_US // 10),
        *range(3_020_000, 4 * SECOND_US, SECOND_US // 10),
    ]
    assert series.values.tolist() == [*range(10), *[5.5] * 10, *[7.5] * 10]
    assert (series.statuses[10:] == MEAN).all()


def test_where_nothing_is_whole_a_reading_a_second_is_the_signal():
    series = filled(joined(*(thinned_second(second, second + 0.5, second, second + 1) for second in range(5))))
    assert series.values.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]


def test_what_was_not_thinned_is_left_as_it_is():
    series = signal([1.0, 2.0])
    assert filled(series) is series


def test_a_second_that_was_stamped_anew_after_it_was_thinned_is_as_long_as_before():
    shift_us = 700_000
    whole = signal(np.arange(10.0), start_us=shift_us, step_us=SECOND_US // 10)
    series = filled(joined(whole, *(thinned_second(second, 5.5, 5, 6, offset_us=shift_us) for second in (1, 2, 3))))
    assert series.times_us.tolist() == list(range(shift_us, 4 * SECOND_US + shift_us, SECOND_US // 10))


def test_a_thinned_second_of_a_window_ends_with_the_window():
    series = filled(
        joined(signal(np.arange(10.0), step_us=SECOND_US // 10), thinned_second(1, 5.5, 5, 6, offset_us=700_000)),
        end_us=2 * SECOND_US,
    )
    assert series.times_us.tolist()[10:] == [1_700_000, 1_800_000, 1_900_000]
