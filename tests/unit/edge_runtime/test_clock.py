import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.clock import ClockState, assess, raise_floor, read_floor

TIME = st.integers(0, 2**53)


@pytest.mark.parametrize(
    ("now", "synchronised", "state", "time", "floor"),
    [
        (1100, True, ClockState.SYNCED, 1100, 1100),
        (1100, False, ClockState.BOUNDED, 1100, 1000),
        (900, True, ClockState.SUSPECT, 1000, 1000),
        (900, False, ClockState.SUSPECT, 1000, 1000),
    ],
)
def test_states(now, synchronised, state, time, floor):
    found = assess(now, 1000, synchronised=synchronised)
    assert (found.state, found.time_us, found.floor_us) == (state, time, floor)


@given(TIME, TIME, st.booleans())
def test_the_floor_never_falls_and_the_time_is_never_before_it(now, floor, synchronised):
    found = assess(now, floor, synchronised=synchronised)
    assert found.floor_us >= floor
    assert found.time_us >= found.floor_us


def test_a_start_in_2099_without_synchronisation_does_not_spoil_later_starts():
    wrong = assess(4_070_908_800_000_000, 1000, synchronised=False)
    assert assess(2000, wrong.floor_us, synchronised=False).state is ClockState.BOUNDED


def test_the_written_floor_only_rises(tmp_path):
    file = tmp_path / "floor"
    assert raise_floor(file, 500) == 500
    assert raise_floor(file, 400) == 500
    assert raise_floor(file, 600) == 600
    assert read_floor(file, build_time_us=100) == 600
    assert read_floor(file, build_time_us=700) == 700


@pytest.mark.parametrize("content", [b"", b"soon", b"\xff\xfe", b"12.5"])
def test_a_damaged_floor_is_the_build_time(tmp_path, content):
    (tmp_path / "floor").write_bytes(content)
    assert read_floor(tmp_path / "floor", build_time_us=100) == 100
    assert raise_floor(tmp_path / "floor", 200) == 200


def test_without_a_written_floor_it_is_the_build_time(tmp_path):
    assert read_floor(tmp_path / "none", build_time_us=100) == 100
