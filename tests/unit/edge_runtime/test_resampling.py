import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_runtime.features.sequence import window_means
from edge_runtime.resampling import SAMPLES, resample

MINUTE = 60_000_000
VALUES = st.one_of(st.floats(-1e4, 1e4, width=32), st.sampled_from([np.nan, np.inf, -np.inf]))


def signals(samples: st.SearchStrategy[int]) -> st.SearchStrategy[np.ndarray]:
    return samples.flatmap(lambda count: hnp.arrays(np.float32, count, elements=VALUES, fill=st.just(1.0)))


@given(
    values=st.lists(signals(st.sampled_from([0, 59, 60, 61, 120, 600])), min_size=1, max_size=5),
    stretch=st.sampled_from([0.5, 1.0, 1.5]),
)
def test_each_signal_gives_what_its_means_are_alone_whatever_stands_beside_it(values, stretch):
    steps = [round(stretch * MINUTE / max(1, len(one))) for one in values]
    expected = [window_means(one[None], step, MINUTE, SAMPLES)[0] for step, one in zip(steps, values, strict=True)]
    found = resample(list(zip(steps, values, strict=True)), MINUTE)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-7)


def test_a_gap_in_one_signal_changes_none_of_the_others():
    whole = np.random.default_rng(3).normal(150, 20, (3, 6000)).astype(np.float32)
    cut = whole.copy()
    cut[1, 500:700] = np.nan
    before, after = (resample([(10_000, row) for row in rows], MINUTE) for rows in (whole, cut))
    np.testing.assert_array_equal(after[[0, 2]], before[[0, 2]])
    assert np.flatnonzero(np.isnan(after[1])).tolist() == [5, 6]
