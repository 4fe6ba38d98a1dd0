from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.alerts import AlertTracker, findings
from agent.settings import AlertSettings
from edge_runtime.alert import AlertState
from edge_runtime.diagnosis import ComponentDiagnosis, Diagnosis, ModelIdentity
from edge_runtime.sensor_check import SensorFault, SensorFaultKind
from edge_runtime.vocabulary import Ne107State
from tests.models.tiny_bundle import tiny_machine

MACHINE = tiny_machine()
CONDITIONS = {condition.component: condition.fault for condition in MACHINE.conditions}
MODEL = ModelIdentity(name="m", version="1.0.0", release=1, sha256="0" * 64)
GOOD, WORN, FAILED = Ne107State.NORMAL, Ne107State.MAINTENANCE_REQUIRED, Ne107State.FAILURE
START = datetime(2026, 1, 1, tzinfo=UTC)
SURE, UNSURE = 0.9, 0.3


def diagnosis(minute, *, pump=GOOD, confidence=SURE, valve=GOOD, silent=()):
    """A minute; a state of None is an abstention."""
    states = {"pump": (pump, confidence), "valve": (valve, SURE)}
    components = []
    for component in MACHINE.components:
        state, sure = states.get(component.name, (GOOD, SURE))
        components.append(
            ComponentDiagnosis(
                component=component.name,
                type=component.type,
                condition=component.name if component.name in CONDITIONS else None,
                health=None if state is None else 0.5,
                confidence=None if state is None else sure,
                ne107=state or Ne107State.CHECK_FUNCTION,
                abstained=state is None,
            )
        )
    return Diagnosis(
        machine=MACHINE.name,
        window_start=START + timedelta(minutes=minute),
        window_end=START + timedelta(minutes=minute + 1),
        overall_health=0.5,
        components=tuple(components),
        sensor_faults=tuple(
            SensorFault(sensor=name, kind=SensorFaultKind.SILENT, message=f"{name}: silent") for name in silent
        ),
        completeness=1.0,
        model=MODEL,
        inference_ms=1.0,
    )


def follow(windows, *, settings=None, tracker=None):
    """All changes over these windows, and the tracker after the last."""
    tracker = tracker or AlertTracker(MACHINE, settings or AlertSettings())
    changes = []
    for window in windows:
        tracker, some = tracker.after(window)
        changes += some
    return changes, tracker


def pumps(*states, **settings):
    windows = [diagnosis(minute, pump=state) for minute, state in enumerate(states)]
    changes, _ = follow(windows, settings=AlertSettings(**settings))
    return [(change.state.value, change.severity, change.raised_at.minute - 1) for change in changes]


class TestHysteresis:
    def test_raised_when_enough_windows_in_a_row_are_bad(self):
        assert pumps(WORN, raise_after=2) == []
        assert pumps(WORN, GOOD, WORN, raise_after=2) == []
        assert pumps(GOOD, WORN, WORN, raise_after=2) == [("raised", WORN, 2)]

    def test_raised_once_however_long_it_lasts(self):
        assert pumps(*[WORN] * 20, raise_after=2) == [("raised", WORN, 1)]

    def test_cleared_when_enough_windows_in_a_row_are_good(self):
        assert pumps(WORN, GOOD, GOOD, WORN, raise_after=1, clear_after=3) == [("raised", WORN, 0)]
        assert pumps(WORN, GOOD, GOOD, GOOD, raise_after=1, clear_after=3) == [
            ("raised", WORN, 0),
            ("cleared", WORN, 0),
        ]

    def test_worse_clears_and_raises_anew_in_one_step(self):
        assert pumps(WORN, FAILED, raise_after=1) == [
            ("raised", WORN, 0),
            ("cleared", WORN, 0),
            ("raised", FAILED, 1),
        ]

    def test_better_but_not_well_changes_nothing(self):
        assert pumps(FAILED, WORN, WORN, WORN, raise_after=1, clear_after=1) == [("raised", FAILED, 0)]

    def test_an_abstention_counts_for_neither(self):
        assert pumps(WORN, None, WORN, raise_after=2) == [("raised", WORN, 2)]
        assert pumps(WORN, GOOD, None, GOOD, raise_after=1, clear_after=2)[-1][0] == "cleared"

    def test_an_unsure_window_counts_for_neither(self):
        windows = [diagnosis(0, pump=WORN), diagnosis(1, pump=GOOD, confidence=UNSURE), diagnosis(2, pump=WORN)]
        changes, _ = follow(windows, settings=AlertSettings(raise_after=2))
        assert [change.state for change in changes] == [AlertState.RAISED]


def test_an_alert_says_what_where_and_what_to_do():
    (alert,), _ = follow([diagnosis(0, silent=["PS1"])], settings=AlertSettings(raise_after=1))
    assert (alert.component, alert.kind) == ("pump", "sensor-PS1")
    assert alert.severity is Ne107State.CHECK_FUNCTION
    assert alert.message == "PS1: silent"
    assert "PS1" in alert.action
    assert alert.model == MODEL
    assert alert.id == "pump-sensor-PS1-check_function-20260101T000100Z"


def test_a_cleared_alert_has_its_id_and_the_time_it_ended():
    windows = [diagnosis(0, pump=FAILED), diagnosis(1)]
    (raised, cleared), _ = follow(windows, settings=AlertSettings(raise_after=1, clear_after=1))
    assert cleared.id == raised.id
    assert cleared.raised_at == raised.raised_at
    assert cleared.cleared_at == windows[1].window_end


def test_components_without_a_condition_are_never_alerted():
    assert "tank" not in {finding.component for finding in findings(diagnosis(0), MACHINE) if finding.health}


@st.composite
def histories(draw):
    """Up to forty windows of any states, certainties and silent sensors."""
    states = st.sampled_from([GOOD, WORN, FAILED, None])
    count = draw(st.integers(1, 40))
    return [
        diagnosis(
            minute,
            pump=draw(states),
            confidence=draw(st.sampled_from([SURE, UNSURE])),
            valve=draw(states),
            silent=draw(st.sampled_from([(), ("PS1",), ("FS1", "TS1")])),
        )
        for minute in range(count)
    ]


alert_settings = st.builds(AlertSettings, raise_after=st.integers(1, 4), clear_after=st.integers(1, 4))


@given(histories(), alert_settings)
def test_every_alert_is_raised_once_and_cleared_at_most_once_in_turn(windows, settings):
    changes, tracker = follow(windows, settings=settings)
    by_place = defaultdict(list)
    for change in changes:
        by_place[change.component, change.kind].append(change)
    standing = set()
    for place, its in by_place.items():
        assert [change.state for change in its] == [
            (AlertState.RAISED, AlertState.CLEARED)[number % 2] for number in range(len(its))
        ]
        assert all(cleared.id == raised.id for raised, cleared in zip(its[::2], its[1::2], strict=False))
        assert len({raised.id for raised in its[::2]}) == len(its[::2])
        if len(its) % 2:
            standing.add((place, its[-1].id))
    assert {(place, streak.standing.id) for place, streak in tracker.streaks.items() if streak.standing} == standing


@given(histories(), alert_settings)
def test_windows_that_say_nothing_change_nothing(windows, settings):
    """Of the pump: the same alerts come whether its unsure windows are there or not."""
    sure = [w for w in windows if w.component("pump").confidence == SURE]

    def of_pump(changes):
        return [(c.id, c.state) for c in changes if c.kind == CONDITIONS["pump"].value]

    assert of_pump(follow(windows, settings=settings)[0]) == of_pump(follow(sure, settings=settings)[0])


@given(histories(), alert_settings, st.data())
def test_a_restart_changes_nothing(windows, settings, data):
    expected, _ = follow(windows, settings=settings)
    stop = data.draw(st.integers(0, len(windows)))
    before, tracker = follow(windows[:stop], settings=settings)
    standing = [streak.standing for streak in tracker.streaks.values() if streak.standing]
    resumed = AlertTracker(MACHINE, settings).resumed(standing, windows[:stop])
    after, _ = follow(windows[stop:], tracker=resumed)
    assert before + after == expected


@pytest.mark.parametrize("state", [WORN, FAILED])
def test_a_tracker_is_a_value(state):
    tracker = AlertTracker(MACHINE, AlertSettings(raise_after=1))
    first, second = tracker.after(diagnosis(0, pump=state)), tracker.after(diagnosis(0, pump=state))
    assert first == second
    assert tracker.streaks == {}
