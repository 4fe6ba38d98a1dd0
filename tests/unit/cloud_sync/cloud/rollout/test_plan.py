"""Which machines a roll-out reaches: its shares are kept, and nobody who is in a wave ever leaves it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cloud_sync.cloud.rollout.plan import Plan, Rollout, State, deciding

FLEET = [f"press-{k}" for k in range(2000)]
NOW = datetime(2026, 3, 1, tzinfo=UTC)

versions = st.builds("{}.{}.{}".format, *[st.integers(0, 99)] * 3)
waves = st.lists(st.integers(1, 100), min_size=1, max_size=5, unique=True).map(sorted)
machines = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True)


def plan(**changes: object) -> Plan:
    return Plan.model_validate({"model": "rig", "version": "1.4.0"} | changes)


def rollout(number: int, version: str, state: State, wave: int = 0, **changes: object) -> Rollout:
    fixed = {"created_at": NOW, "created_by": "kim", "wave_opened_at": NOW, "known_failures": (), "reason": ""}
    asked = plan(version=version, **changes).model_dump()
    return Rollout.model_validate(asked | fixed | {"id": number, "state": state, "wave": wave})


@settings(max_examples=20)
@given(version=versions, percent=st.integers(1, 100))
def test_a_wave_reaches_its_share_of_the_fleet(version: str, percent: int) -> None:
    reached = sum(plan(version=version, waves=[percent]).version_of(name, 0) is not None for name in FLEET)

    assert abs(reached / len(FLEET) - percent / 100) < 0.06  # over 5 standard deviations of 2000 draws


@settings(max_examples=20)
@given(version=versions, split=st.integers(1, 99))
def test_a_split_keeps_its_shares(version: str, split: int) -> None:
    both = plan(version=version, against="0.0.100", split=split, waves=[100])
    trying = sum(both.version_of(name, 0) == version for name in FLEET)

    assert abs(trying / len(FLEET) - split / 100) < 0.06


def test_the_sides_of_a_split_are_as_large_in_a_narrow_wave() -> None:
    """Were wave and side the same place, a first wave of 20 % would be on one side alone."""
    both = plan(against="1.3.0", split=50, waves=[20, 100])
    reached = [both.version_of(name, 0) for name in FLEET]

    assert 0.4 < reached.count("1.4.0") / (len(FLEET) - reached.count(None)) < 0.6


@settings(max_examples=20)
@given(version=versions, percents=waves, split=st.integers(1, 99), machine=machines, canaries=st.lists(machines))
def test_a_machine_never_leaves_a_wave_or_changes_sides(
    version: str, percents: list[int], split: int, machine: str, canaries: list[str]
) -> None:
    asked = plan(version=version, against="0.0.100", split=split, waves=percents, canaries=canaries)

    given_by_wave = [asked.version_of(machine, wave) for wave in range(len(asked.percents))]

    first = next((k for k, given in enumerate(given_by_wave) if given is not None), len(given_by_wave))
    assert len(set(given_by_wave[first:])) <= 1
    assert asked.percents[-1] < 100 or given_by_wave[-1] is not None


def test_canaries_come_first_and_alone() -> None:
    asked = plan(canaries=["press-7", "press-9"], waves=[50, 100])

    assert [name for name in FLEET if asked.version_of(name, 0)] == ["press-7", "press-9"]
    assert asked.percents == (0, 50, 100)


def test_a_fleet_that_grows_changes_nothing_for_those_who_were_there() -> None:
    """The hash is the roll-out's memory: were it another one after an upgrade, machines would leave their waves."""
    asked = plan(waves=[10, 100])

    assert [name for name in FLEET[:60] if asked.version_of(name, 0)] == [
        "press-9",
        "press-27",
        "press-30",
        "press-33",
        "press-34",
        "press-55",
        "press-56",
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"waves": [10, 10]}, "wider"),
        ({"waves": [50, 10]}, "wider"),
        ({"waves": []}, "waves"),
        ({"waves": [0, 100]}, "waves"),
        ({"waves": [101]}, "waves"),
        ({"split": 50}, "come together"),
        ({"against": "1.3.0"}, "come together"),
        ({"against": "1.4.0", "split": 50}, "another version"),
        ({"version": "1.4"}, "version"),
        ({"canaries": ["a b"]}, "canaries"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        plan(**wrong)


def test_the_latest_roll_out_that_reaches_a_machine_decides() -> None:
    trial = rollout(3, "1.5.0", State.ACTIVE, canaries=["press-7"])
    settled = rollout(2, "1.4.0", State.DONE, waves=[100])
    states = frozenset({State.ACTIVE, State.DONE})

    assert deciding([settled, trial], "press-7", states) == (trial, "1.5.0")
    assert deciding([settled, trial], "press-8", states) == (settled, "1.4.0")
    assert deciding([trial], "press-8", states) == (None, None)


@pytest.mark.parametrize("state", [State.PLANNED, State.PAUSED, State.ROLLED_BACK])
def test_one_that_does_not_run_decides_nothing(state: State) -> None:
    assert deciding([rollout(1, "1.4.0", state, waves=[100])], "press-7", frozenset({State.ACTIVE})) == (None, None)
