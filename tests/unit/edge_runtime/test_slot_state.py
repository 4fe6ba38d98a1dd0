from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.slot_state import SlotContent, SlotState

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("install"), st.integers(1, 9)),
        st.tuples(st.just("activate"), st.integers(0, 3)),
        st.tuples(st.sampled_from(["cut off", "window", "start", "confirm", "reject", "roll back"]), st.just(0)),
    ),
    max_size=40,
)


def content(release):
    return SlotContent(name="tiny", version="1.0.0", release=release, sha256="0" * 64)


def step(state, action, number):
    """One step, taken only where `Slots` would take it."""
    possible = {
        "install": (True, lambda: state.filling().filled(content(number))),
        "cut off": (True, state.filling),
        "activate": (state.candidate, lambda: state.activated(number)),
        "reject": (state.candidate, lambda: state.rejected("worse")),
        "roll back": (state.previous, lambda: state.rolled_back("worse")),
        "window": (state.probation_left, state.window_recorded),
        "start": (state.starts_left, state.started),
        "confirm": (state.probation_left, state.confirmed),
    }
    allowed, take = possible[action]
    return take() if allowed else state


@given(STEPS)
def test_every_way_through_keeps_the_slots_consistent(steps):
    state = SlotState()
    for action, number in steps:
        before, state = state, step(state, action, number)
        assert SlotState.model_validate_json(state.model_dump_json()) == state
        assert state.highest_release >= before.highest_release
        assert state.highest_release >= state.release_in(state.active)
        if before.active and action != "roll back":
            assert state.active, "once a bundle is active there is always one"


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3))
def test_rolling_back_restores_what_was_active(first, second, windows):
    proven = SlotState().filling().filled(content(first)).activated(0)
    tried = proven.filling().filled(content(second)).activated(windows)
    back = tried.rolled_back("worse")
    assert back.active == proven.active
    assert back.release_in(back.active) == first
    assert (back.previous, back.candidate, back.probation_left) == (None, None, 0)
    assert back.history[-1].release == second
