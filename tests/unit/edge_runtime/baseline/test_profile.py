from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.baseline.profile import PARTS, STATISTICS, profile
from edge_runtime.window import ChannelWindow
from tests.models.working_machine import window_at


def with_values(values, step_us=1_000_000):
    window = window_at(0)
    return replace(window, channels=(ChannelWindow("PS1", step_us, np.float32(values)), *window.channels[1:]))


def test_a_profile_is_the_mean_and_the_means_of_twenty_parts():
    values = np.arange(60.0)
    found = profile(with_values(values))
    assert found.values.shape == (4, STATISTICS)
    assert found.values[0, 0] == pytest.approx(values.mean())
    assert found.values[0, 1:] == pytest.approx(values.reshape(PARTS, 3).mean(1))
    assert found.means[1] == found.values[1, 0]


def test_a_faster_sensor_gives_the_same_profile():
    fast = np.random.default_rng(0).normal(100, 1, 6000)
    slow = fast.reshape(60, 100).mean(1)
    at_100_hz, at_1_hz = profile(with_values(fast, 10_000)), profile(with_values(slow))
    np.testing.assert_allclose(at_100_hz.values[0], at_1_hz.values[0], rtol=1e-6)


def test_a_gap_leaves_out_its_parts_and_a_silent_sensor_all():
    values = np.ones(60)
    values[:6] = np.nan
    found = profile(with_values(values))
    assert np.isnan(found.values[0, 1:3]).all()
    assert found.values[0, 3:] == pytest.approx(1.0)
    assert found.means[0] == pytest.approx(1.0)
    assert np.isnan(profile(window_at(0, silent=("PS1",))).values[0]).all()
