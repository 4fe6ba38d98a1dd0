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
