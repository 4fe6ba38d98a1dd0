import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.stillness import MIN_SAMPLES, Batch, Stillness, window_unmoved
from tests.columns import SECOND_US


def batch(values, start_s, *, broken=False):
    """One sensor's values, one a second."""
    array = np.array(values, np.float64)
    return Batch(
        np.array([start_s * SECOND_US]),
        np.array([(start_s + len(array) - 1) * SECOND_US]),
        array.min(keepdims=True),
        array.max(keepdims=True),
        array[-1:],
        np.array([len(array)]),
        np.array([broken]),
    )


def followed(batches, tolerance):
    run, start_s = Stillness.unknown(1), 0
    for values in batches:
        run = run.after(batch(values, start_s), np.array([tolerance]))
        start_s += len(values)
    return run, start_s


@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, 5.0]), min_size=1, max_size=8), min_size=1, max_size=12),
    st.sampled_from([0.0, 0.5, 1.0]),
)
def test_a_run_is_never_longer_than_the_signal_stood_still(batches, tolerance):
    run, end_s = followed(batches, tolerance)
    values = [value for part in batches for value in part]
    stood = values[int(run.since_us[0]) // SECOND_US : end_s]
    assert len(stood) == run.samples[0]
    assert max(stood) - min(stood) <= tolerance
    assert (run.low[0], run.high[0]) == (min(stood), max(stood))


def test_a_signal_that_stands_still_is_found_at_most_one_batch_late():
    run, _ = followed([[0, 5, 1], [1, 1, 1], [1, 1, 1]], 0.0)
    assert run.since_us[0] == 2 * SECOND_US


def test_a_broken_run_begins_anew():
    run = Stillness.unknown(1).after(batch([1, 1, 1], 0), np.zeros(1)).after(batch([1], 100, broken=True), np.zeros(1))
    assert (run.since_us[0], run.samples[0]) == (100 * SECOND_US, 1)


def test_few_samples_tell_nothing_however_long_they_last():
    run, _ = followed([[1.0] * (MIN_SAMPLES - 1)], 0.0)
    assert not run.lasting(np.array([1000 * SECOND_US]), np.array([60 * SECOND_US]))[0]


@pytest.mark.parametrize(("limit_s", "unmoved"), [(60.0, True), (61.0, False)])
def test_a_window_shorter_than_the_limit_tells_nothing(limit_s, unmoved):
    assert window_unmoved(np.ones(60, np.float32), 0.0, 60 * SECOND_US, limit_s) is unmoved
