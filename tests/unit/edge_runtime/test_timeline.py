from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.clock import ClockState
from edge_runtime.timeline import STEP_US, ClockLook, begin, go_on

FLOOR_US = 1_700_000_000_000_000
YEAR_US = 365 * 86_400_000_000
SECOND_US = 1_000_000


def look(wall_us, monotonic_us, synchronised=False):
    return ClockLook(wall_us, monotonic_us, synchronised)


def test_a_box_that_wakes_in_1970_counts_on_from_the_floor():
    timeline = begin(look(5, 100), FLOOR_US)
    assert timeline.state is ClockState.SUSPECT
    assert timeline.time_us(100 + SECOND_US) == FLOOR_US + SECOND_US
    later, step = go_on(timeline, look(5 + SECOND_US, 100 + SECOND_US), FLOOR_US)
    assert step is None
    assert later == timeline


def test_a_clock_that_becomes_known_corrects_what_was_stamped_before():
    timeline = begin(look(5, 100), FLOOR_US)
    now_us = FLOOR_US + YEAR_US
    known, step = go_on(timeline, look(now_us, 100 + SECOND_US, True), FLOOR_US)
    assert known.time_us(100 + SECOND_US) == now_us
    assert (step.before_us, step.shift_us) == (FLOOR_US + SECOND_US, YEAR_US - SECOND_US)
    assert step.corrects


def test_a_clock_set_by_hand_is_followed_but_corrects_nothing():
    timeline = begin(look(FLOOR_US + 1, 0, True), FLOOR_US)
    changed, step = go_on(timeline, look(FLOOR_US + YEAR_US, SECOND_US), FLOOR_US)
    assert changed.state is ClockState.BOUNDED
    assert step.shift_us == YEAR_US - SECOND_US - 1
    assert not step.corrects
    _, back = go_on(changed, look(FLOOR_US + 2 * SECOND_US, 2 * SECOND_US, True), FLOOR_US)
    assert back.corrects
    assert back.shift_us < 0


def test_a_wall_clock_set_before_the_floor_is_not_followed():
    timeline = begin(look(FLOOR_US + SECOND_US, 0, True), FLOOR_US)
    kept, step = go_on(timeline, look(FLOOR_US - YEAR_US, SECOND_US), FLOOR_US)
    assert kept.time_us(SECOND_US) == FLOOR_US + 2 * SECOND_US
    assert (step.shift_us, step.state_after) == (0, ClockState.SUSPECT)


def test_a_little_correction_by_the_time_service_is_no_step():
    timeline = begin(look(FLOOR_US + 1, 0, True), FLOOR_US)
    near, step = go_on(timeline, look(FLOOR_US + 1 + SECOND_US + STEP_US // 2, SECOND_US, True), FLOOR_US)
    assert step is None
    assert near.time_us(SECOND_US) == FLOOR_US + 1 + SECOND_US + STEP_US // 2


@given(st.lists(st.tuples(st.integers(-YEAR_US, 60 * YEAR_US), st.integers(0, 10**12), st.booleans()), max_size=20))
def test_time_is_the_wall_clocks_or_goes_on_and_never_falls_behind_the_floor(steps):
    monotonic_us = 0
    timeline = begin(look(0, 0), FLOOR_US)
    for wall_us, passed_us, synchronised in steps:
        monotonic_us += passed_us
        before_us = timeline.time_us(monotonic_us)
        timeline, step = go_on(timeline, look(wall_us, monotonic_us, synchronised), FLOOR_US)
        after_us = timeline.time_us(monotonic_us)
        assert after_us >= FLOOR_US
        assert after_us in {wall_us, before_us}
        assert step is not None or abs(after_us - before_us) < STEP_US
        assert step is None or after_us - before_us == step.shift_us
