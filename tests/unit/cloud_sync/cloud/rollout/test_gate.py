"""When the next wave may open, and when a roll-out halts."""

from datetime import UTC, datetime, timedelta

import pytest

from cloud_sync.cloud.rollout.gate import judge
from cloud_sync.cloud.rollout.plan import Rollout, State
from cloud_sync.cloud.rollout.progress import MachineProgress, MachineSeen, Stage, progress, stages

NOW = datetime(2026, 3, 10, tzinfo=UTC)
LONG_AGO, JUST_NOW = NOW - timedelta(days=2), NOW - timedelta(minutes=5)


def rollout(**changes: object) -> Rollout:
    fixed = {
        "id": 7,
        "model": "rig",
        "version": "1.4.0",
        "waves": [100],
        "state": State.ACTIVE,
        "wave": 0,
        "reason": "",
        "created_at": LONG_AGO,
        "created_by": "kim",
        "wave_opened_at": LONG_AGO,
        "known_failures": (),
    }
    return Rollout.model_validate(fixed | changes)


def machines(**counts: int) -> list[MachineProgress]:
    return [
        MachineProgress(
            machine=f"{stage}-{k}", version="1.4.0", stage=stage, running=None, diagnosed_until=None, asked_at=None
        )
        for stage, count in counts.items()
        for k in range(count)
    ]


def seen(**changes: object) -> MachineSeen:
    fixed = {
        "machine": "press-7",
        "rollout": 7,
        "offered": "1.4.0",
        "offered_at": LONG_AGO,
        "asked_at": JUST_NOW,
        "running": "1.4.0",
        "diagnosed_until": JUST_NOW,
        "failed": {},
    }
    return MachineSeen(**(fixed | changes))


def test_a_wave_that_stood_the_test_lets_the_next_one_open() -> None:
    assert judge(rollout(), machines(running=9, offered=1), NOW).against_next == ()


@pytest.mark.parametrize(
    ("standing", "next_said", "halts"),
    [
        ({"running": 19, "failed": 1}, "", False),
        ({"running": 18, "failed": 2}, "2 of 20 machines failed (failed-0, failed-1), 5 % may", True),
        ({"running": 19, "silent": 1}, "", False),
        ({"running": 18, "failed": 1, "silent": 1}, "2 of 20 machines failed or fell silent", False),
        ({"running": 15, "offered": 5}, "15 of 20 machines run it, 80 % must", False),
        ({"waiting": 2}, "0 of 2 machines run it", False),
        ({"running": 0, "failed": 20}, "failed-4, …", True),
    ],
)
def test_what_stands_against_it(standing: dict[str, int], next_said: str, halts: bool) -> None:
    judgement = judge(rollout(), machines(**standing), NOW)

    assert bool(judgement.against_next) == bool(next_said)
    assert next_said in " ".join(judgement.against_next)
    assert bool(judgement.against_any) == halts


def test_a_wave_has_to_be_open_for_its_time() -> None:
    fresh = rollout(wave_opened_at=NOW - timedelta(hours=18))
    (reason,) = judge(fresh, machines(running=5), NOW).against_next
    assert reason == "its wave must be open for 24 h, 6.0 h more"


def test_a_wave_that_reaches_nobody_has_nothing_to_prove() -> None:
    assert judge(rollout(wave_opened_at=NOW), [], NOW).against_next == ()


def test_what_was_known_when_it_was_let_go_on_is_not_held_against_it_again() -> None:
    failed = machines(running=2, failed=1)
    assert judge(rollout(known_failures=["failed-0"]), failed, NOW).against_next == ()
    assert judge(rollout(known_failures=["other"]), failed, NOW).against_any


def test_a_wave_in_which_all_are_known_to_have_failed_shows_nothing() -> None:
    judgement = judge(rollout(known_failures=["failed-0"]), machines(failed=1), NOW)
    assert judgement.against_next == ("none of 1 machines has run it without failing",)
    assert not judgement.against_any


@pytest.mark.parametrize(
    ("changes", "stage"),
    [
        ({}, Stage.RUNNING),
        ({"offered": "", "rollout": None, "offered_at": None, "asked_at": None}, Stage.RUNNING),
        ({"running": "1.3.0"}, Stage.OFFERED),
        ({"running": "1.3.0", "offered_at": None, "offered": "", "rollout": None}, Stage.WAITING),
        ({"running": "1.3.0", "rollout": 6}, Stage.WAITING),
        ({"running": None, "diagnosed_until": None, "offered_at": JUST_NOW}, Stage.OFFERED),
        ({"running": None, "diagnosed_until": None}, Stage.SILENT),
        ({"diagnosed_until": LONG_AGO}, Stage.SILENT),
        ({"running": "1.3.0", "diagnosed_until": LONG_AGO}, Stage.SILENT),
        ({"running": "1.3.0", "diagnosed_until": LONG_AGO, "offered_at": JUST_NOW}, Stage.OFFERED),
        ({"running": "1.3.0", "failed": {"1.4.0": "golden"}}, Stage.FAILED),
        ({"running": "1.3.0", "failed": {"1.2.0": "golden"}}, Stage.OFFERED),
        ({"failed": {"1.4.0": "once, before it was enrolled anew"}}, Stage.RUNNING),
    ],
)
def test_how_far_a_machine_is(changes: dict[str, object], stage: Stage) -> None:
    (one,) = progress(rollout(), [seen(**changes)], NOW)
    assert one.stage is stage


def test_machines_outside_the_open_waves_are_left_out() -> None:
    canaries = rollout(canaries=["press-7"])
    fleet = [seen(), seen(machine="press-8")]
    assert [one.machine for one in progress(canaries, fleet, NOW)] == ["press-7"]
    assert progress(rollout(wave_opened_at=None, state=State.PLANNED), fleet, NOW) == []


def test_stages_are_counted_by_version() -> None:
    other = machines(running=1)[0].model_copy(update={"version": "1.3.0"})
    counted = stages([*machines(running=2, failed=1), other])
    assert counted["1.4.0"] == {"waiting": 0, "offered": 0, "running": 2, "silent": 0, "failed": 1}
    assert counted["1.3.0"]["running"] == 1
