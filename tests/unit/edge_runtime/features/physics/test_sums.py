import numpy as np
import pytest

from edge_runtime.features.physics.sums import inside, line_where, mean_where, moving_mean, plane_where, ratio_where

EVERYWHERE = np.ones((2, 40), np.bool_)


@pytest.fixture
def samples() -> tuple[np.ndarray, ...]:
    """Two rows each of x, a second variable that goes with it in part, and noise."""
    random = np.random.default_rng(3)
    x = random.normal(size=(2, 40))
    return x, 0.6 * x + random.normal(size=(2, 40)), random.normal(size=(2, 40))


def test_a_line_is_that_of_least_squares(samples):
    x, _, noise = samples
    y = 3 - 2 * x + 0.1 * noise
    slope, intercept = line_where(x, y, EVERYWHERE)
    for row in range(2):
        assert (slope[row], intercept[row]) == pytest.approx(np.polyfit(x[row], y[row], 1))


def test_a_plane_is_that_of_weighted_least_squares(samples):
    x, beside, noise = samples
    y = 1 - 2 * x + 5 * beside + 0.1 * noise
    weight = np.abs(noise) + 0.1
    slope = plane_where(x, beside, y, weight, EVERYWHERE)
    for row in range(2):
        root = np.sqrt(weight[row])[:, None]
        columns = np.column_stack([np.ones(40), x[row], beside[row]]) * root
        assert slope[row] == pytest.approx(np.linalg.lstsq(columns, y[row] * root[:, 0], rcond=None)[0][1])


def test_a_plane_over_two_variables_that_go_the_same_way_is_unknown(samples):
    x, _, noise = samples
    assert np.isnan(plane_where(x, 2 * x, noise, np.ones_like(x), EVERYWHERE)).all()


def test_only_known_and_wanted_samples_count():
    values = np.array([[1.0, np.nan, 3.0, 100.0, 5.0]])
    where = np.array([[True, True, True, False, True]])
    assert mean_where(values, where) == pytest.approx(3)
    assert ratio_where(values, 2 * values, where) == pytest.approx(0.5)


def test_two_samples_tell_nothing():
    assert np.isnan(mean_where(np.array([[1.0, 2.0, np.nan]]), np.ones((1, 3), np.bool_))).all()


def test_a_moving_mean_ends_at_gaps():
    means = moving_mean(np.array([[1.0, 2.0, 3.0, np.nan, 5.0, 6.0, 7.0]]), 3)
    assert means[0, [1, 5]].tolist() == [2.0, 6.0]
    assert np.isnan(means[0, [0, 2, 3, 4, 6]]).all()


def test_a_moving_mean_wider_than_the_window_is_unknown():
    assert np.isnan(moving_mean(np.ones((1, 2)), 5)).all()


def test_the_first_and_last_sample_of_a_state_are_not_inside_it():
    where = np.array([[True, True, True, False, True, True]])
    assert inside(where).tolist() == [[False, True, False, False, False, False]]
