import numpy as np
import pytest

from edge_runtime.window import ChannelWindow, Window


def channel(*values):
    return ChannelWindow("s", 1_000_000, np.array(values, np.float32))


def test_completeness_is_the_share_of_the_grid_with_a_value():
    assert channel(1, np.nan, 3, np.nan).completeness == 0.5
    assert channel(np.nan, np.nan).completeness == 0.0
    assert channel().completeness == 0.0


def test_a_windows_completeness_counts_silent_sensors():
    assert Window("m", 0, 1, (channel(1, 2), channel(1, np.nan), channel())).completeness == pytest.approx(0.5)
    assert Window("m", 0, 1, ()).completeness == 0.0


def test_the_mean_of_a_channel_is_that_of_its_values():
    assert channel(1, np.nan, 3).mean == 2.0
    assert channel(1, 2, 6).mean == 3.0
    assert np.isnan(channel(np.nan, np.nan).mean)
    assert np.isnan(channel().mean)


def test_the_mean_is_in_single_precision_whether_or_not_there_are_gaps():
    values = np.random.default_rng(1).normal(150, 1, 6000).astype(np.float32)
    assert channel(*values).mean == float(np.nanmean(values))
    values[::7] = np.nan
    assert channel(*values).mean == float(np.nanmean(values))
