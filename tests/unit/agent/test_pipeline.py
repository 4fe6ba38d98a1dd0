import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from agent.store.accounts import Fate
from agent.store.gaps import Gap, GapCause
from edge_runtime.backends.base import ModelOutput
from edge_runtime.clock import ClockState
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.errors import BackendError, StoreFullError
from edge_runtime.quality import Reason, reason_of
from edge_runtime.sensor_check import SensorFaultKind
from edge_runtime.timeline import ClockStep
from tests.models.tiny_bundle import WINDOW_US, build_tiny_bundle, tiny_machine
from tests.tiny_agent import LATENESS_US, MACHINE, SECOND_US, load_diagnoser, make_pipeline, minutes, readings

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def drain(pipeline):
    """All windows that are due."""
    outcomes = []
    while outcome := pipeline.diagnose_next():
        outcomes.append(outcome)
    return outcomes


def starts(outcomes):
    return [outcome.window.start_us // WINDOW_US for outcome in outcomes]


def said(outcomes):
    """Diagnoses and alerts without how long each took."""
    return [(outcome.diagnosis.model_copy(update={"inference_ms": 0.0}), outcome.alerts) for outcome in outcomes]


class FailingBackend:
    """Fails as often as it is told to, then diagnoses as another."""

    name = "failing"

    def __init__(self, backend, failures):
        self.failures = failures
        self.inputs = backend.inputs
        self._backend = backend

    def run(self, sample) -> ModelOutput:
        if self.failures:
            self.failures -= 1
            raise BackendError("the engine failed")
        return self._backend.run(sample)


def test_a_window_is_diagnosed_once_it_is_over_and_the_lateness_has_passed(open_store, diagnoser):
    pipeline = make_pipeline(open_store(), diagnoser)
    pipeline.store_readings(readings(0, WINDOW_US + 2 * SECOND_US))
    assert pipeline.diagnose_next() is None
    pipeline.store_readings(readings(WINDOW_US + 2 * SECOND_US, WINDOW_US + 3 * SECOND_US))
    assert starts(drain(pipeline)) == [0]


def test_readings_are_judged_first_and_the_diagnosis_says_why_a_channel_was_lost(open_store, diagnoser):
    store = open_store()
    pipeline = make_pipeline(store, diagnoser)
    given = [
        dataclasses.replace(reading, value=900.0) if reading.sensor == "PS1" else reading for reading in minutes(0, 1)
    ]
    pipeline.store_readings(given)
    stored = store.series(0, WINDOW_US)
    assert set(reason_of(stored["PS1"].statuses)) == {Reason.OUT_OF_RANGE}
    assert not stored["FS1"].statuses.any()
    (outcome,) = drain(pipeline)
    (fault,) = outcome.diagnosis.sensor_faults
    assert (fault.sensor, fault.kind, fault.reason) == ("PS1", SensorFaultKind.SILENT, Reason.OUT_OF_RANGE)
    assert fault.message == "PS1: no valid reading in the window: out of range"
    (again,) = store.diagnoses(1)
    assert again.sensor_faults == outcome.diagnosis.sensor_faults


def test_the_diagnosis_and_its_alert_say_why_a_sensor_has_no_readings(open_store, diagnoser):
    store = open_store()
    pipeline = make_pipeline(store, diagnoser, raise_after=1)
    store.note_gaps([Gap(1, GapCause.SOURCE_DOWN, "plc", ("PS1",), 0)])
    pipeline.store_readings(minutes(0, 1, without=("PS1",)))
    (outcome,) = drain(pipeline)
    (fault,) = outcome.diagnosis.sensor_faults
    assert fault.gap == "source down"
    assert fault.message == "PS1: no valid reading in the window: source down (plc)"
    assert fault.message in [alert.message for alert in outcome.alerts]
    assert store.diagnoses(1)[0].sensor_faults == (fault,)


def test_what_a_window_comes_to_is_recorded_in_one_step(open_store, diagnoser):
    store = open_store()
    pipeline = make_pipeline(store, diagnoser, raise_after=1)
    pipeline.store_readings(minutes(0, 1))
    (outcome,) = drain(pipeline)
    assert store.diagnoses(5) == [outcome.diagnosis]
    assert {alert.component for alert in outcome.alerts} == {"pump", "valve", "accumulator"}
    assert store.standing_alerts() == list(outcome.alerts)
    assert store.next_window_start() == WINDOW_US
    np.testing.assert_array_equal(store.windows(1)[0].channels[0].values, outcome.window.channels[0].values)


def test_time_without_readings_is_no_window(open_store, diagnoser):
    pipeline = make_pipeline(open_store(), diagnoser)
    pipeline.store_readings(minutes(0, 1))
    pipeline.store_readings(minutes(30, 32))
    assert starts(drain(pipeline)) == [0, 1, 30, 31]  # minute 1 holds the readings that made minute 0 due


@pytest.mark.parametrize("killed_after", ["storing", "diagnosing some", "diagnosing all"])
def test_a_crash_at_any_point_comes_to_the_same_windows(open_store, diagnoser, killed_after):
    undisturbed = make_pipeline(open_store(), diagnoser, raise_after=3)
    undisturbed.store_readings(minutes(0, 5))
    expected = said(drain(undisturbed))
    assert len(expected) == 5

    store = open_store()
    for table in ("record", "outbox", "publication", "progress"):
        store._connection.execute(f"DELETE FROM {table}")
    pipeline = make_pipeline(store, diagnoser, raise_after=3)
    before = {"storing": 0, "diagnosing some": 2, "diagnosing all": 5}[killed_after]
    first = [pipeline.diagnose_next() for _ in range(before)]
    restarted = make_pipeline(open_store(), diagnoser, raise_after=3)
    assert said([*first, *drain(restarted)]) == expected


def test_nothing_is_diagnosed_twice_after_a_restart(open_store, diagnoser):
    pipeline = make_pipeline(open_store(), diagnoser)
    pipeline.store_readings(minutes(0, 3))
    drain(pipeline)
    store = open_store()
    restarted = make_pipeline(store, diagnoser)
    assert drain(restarted) == []
    restarted.store_readings(readings(0, WINDOW_US))
    assert drain(restarted) == []
    assert len(store.diagnoses(10)) == 3


def test_a_window_that_cannot_be_recorded_stays_due_and_leaves_no_trace(open_store, diagnoser, monkeypatch):
    store = open_store()
    pipeline = make_pipeline(store, diagnoser, raise_after=1)
    pipeline.store_readings(minutes(0, 2))

    def refuse(*_):
        raise StoreFullError("no room")

    with monkeypatch.context() as full:
        full.setattr(store, "record", refuse)
        for _ in range(3):
            with pytest.raises(StoreFullError):
                pipeline.diagnose_next()
    outcomes = drain(pipeline)
    assert starts(outcomes) == [0, 1]
    assert [len(outcome.alerts) for outcome in outcomes] == [3, 0]


def test_readings_that_cannot_be_stored_do_not_move_the_windows_on(open_store, diagnoser, monkeypatch):
    store = open_store()
    pipeline = make_pipeline(store, diagnoser)

    def refuse(*_):
        raise StoreFullError("no room")

    with monkeypatch.context() as full:
        full.setattr(store, "append_block", refuse)
        with pytest.raises(StoreFullError):
            pipeline.store_readings(minutes(0, 1))
    assert pipeline.diagnose_next() is None
    pipeline.store_readings(minutes(0, 1))
    assert starts(drain(pipeline)) == [0]


def test_a_model_that_fails_leaves_its_window_due(open_store, diagnoser):
    failing = Diagnoser(tiny_machine(), diagnoser.bundle, FailingBackend(diagnoser._backend, failures=2))
    pipeline = make_pipeline(open_store(), failing)
    pipeline.store_readings(minutes(0, 1))
    for _ in range(2):
        with pytest.raises(BackendError):
            pipeline.diagnose_next()
    assert starts(drain(pipeline)) == [0]


def test_another_model_diagnoses_from_the_next_window_on(open_store, diagnoser, tmp_path):
    pipeline = make_pipeline(open_store(), diagnoser)
    pipeline.store_readings(minutes(0, 2))
    former = pipeline.diagnose_next()
    pipeline.use(load_diagnoser(build_tiny_bundle(tmp_path / "new", version="2.0.0", release=2)))
    latter = pipeline.diagnose_next()
    assert (former.diagnosis.model.release, latter.diagnosis.model.release) == (1, 2)


def test_when_the_sources_clocks_are_set_back_diagnosis_goes_on_there(open_store, diagnoser):
    store = open_store()
    pipeline = make_pipeline(store, diagnoser)
    pipeline.store_readings(minutes(600, 602))
    assert starts(drain(pipeline)) == [600, 601]
    pipeline.store_readings(minutes(100, 102))
    assert starts(drain(pipeline)) == [100, 101]
    assert store.next_window_start() == 102 * WINDOW_US


def test_readings_a_little_late_are_kept_but_do_not_open_their_window_again(open_store, diagnoser):
    store = open_store()
    pipeline = make_pipeline(store, diagnoser)
    pipeline.store_readings(minutes(0, 2, without=("PS1",)))
    assert starts(drain(pipeline)) == [0, 1]
    late = [reading for reading in readings(0, WINDOW_US) if reading.sensor == "PS1"]
    pipeline.store_readings(late)
    assert drain(pipeline) == []
    assert len(store.series(0, WINDOW_US)["PS1"]) == 60


def test_a_restart_after_a_stray_reading_from_the_future_makes_no_endless_list_of_windows(open_store, diagnoser):
    """One block that spans decades, as when a sensor's clock runs ahead once."""
    store = open_store()
    stray = dataclasses.replace(readings(0, SECOND_US)[0], source_time_us=2_000_000 * HOUR_US)
    store.append([*minutes(0, 1), stray])
    outcomes = drain(make_pipeline(open_store(), diagnoser))
    assert starts(outcomes)[0] == 0
    assert len(outcomes) <= 3


def test_the_trend_is_the_same_after_a_restart(open_store, diagnoser):
    pipeline = make_pipeline(open_store(), diagnoser)
    for hour in range(12):
        pipeline.store_readings(readings(hour * HOUR_US, hour * HOUR_US + 2 * WINDOW_US))
    pipeline.store_readings(minutes(60 * 12, 60 * 12 + 2))
    drain(pipeline)
    times_us = pipeline._history.by_component["pump"][0]
    assert times_us.tolist() == [hour * HOUR_US + WINDOW_US for hour in range(13)]
    history = pipeline._history
    resumed = make_pipeline(open_store(), diagnoser)._history
    for component, (times_us, healths) in history.by_component.items():
        np.testing.assert_array_equal(resumed.by_component[component][0], times_us)
        np.testing.assert_allclose(resumed.by_component[component][1], healths)


def test_window_times_are_utc(open_store, diagnoser):
    pipeline = make_pipeline(open_store(), diagnoser)
    pipeline.store_readings(minutes(0, 1))
    (outcome,) = drain(pipeline)[:1]
    assert outcome.diagnosis.window_start == datetime(1970, 1, 1, tzinfo=UTC)
    assert outcome.diagnosis.window_end - outcome.diagnosis.window_start == timedelta(minutes=1)


YEAR_US = 365 * 86_400 * SECOND_US
NOW_US = 30_000_000 * WINDOW_US


def clock_step(shift_us):
    return ClockStep(0, NOW_US, NOW_US, NOW_US + shift_us, ClockState.BOUNDED, ClockState.BOUNDED)


def due_starts(pipeline):
    return [outcome.window.start_us for outcome in iter(pipeline.diagnose_next, None)]


@pytest.mark.parametrize("shift_us", [-YEAR_US, -WINDOW_US, WINDOW_US, YEAR_US])
def test_a_step_of_the_clock_ends_the_window_and_the_next_ones_follow_at_once(open_store, diagnoser, shift_us):
    pipeline = make_pipeline(open_store(), diagnoser)
    half = NOW_US + WINDOW_US // 2
    pipeline.store_readings(readings(NOW_US - WINDOW_US, half), clock_step(shift_us))
    assert due_starts(pipeline) == [NOW_US - WINDOW_US, NOW_US]
    pipeline.store_readings(readings(half + shift_us, NOW_US + shift_us + 3 * WINDOW_US))
    stepped = due_starts(pipeline)
    assert len(stepped) in {2, 3}
    assert stepped[-1] == NOW_US + shift_us + WINDOW_US


@pytest.mark.parametrize("shift_us", [-YEAR_US, YEAR_US])
def test_a_restart_after_a_step_neither_stalls_nor_repeats(open_store, diagnoser, shift_us):
    pipeline = make_pipeline(open_store(), diagnoser)
    pipeline.store_readings(readings(NOW_US, NOW_US + WINDOW_US // 2), clock_step(shift_us))
    assert due_starts(pipeline) == [NOW_US]
    pipeline = make_pipeline(open_store(), diagnoser)
    begin_us = NOW_US + shift_us + WINDOW_US
    pipeline.store_readings(readings(begin_us, begin_us + 2 * WINDOW_US + LATENESS_US + SECOND_US))
    assert due_starts(pipeline) == [begin_us, begin_us + WINDOW_US]


def test_one_sensor_a_year_ahead_neither_hurries_windows_nor_stops_them(open_store, diagnoser):
    store = open_store()
    pipeline = make_pipeline(store, diagnoser)
    astray = MACHINE.sensors[0].name
    for start_us in range(NOW_US, NOW_US + 3 * WINDOW_US, WINDOW_US // 6):
        beat = [
            dataclasses.replace(one, source_time_us=one.source_time_us + YEAR_US) if one.sensor == astray else one
            for one in readings(start_us, start_us + WINDOW_US // 6)
        ]
        pipeline.store_readings(beat)
    assert due_starts(pipeline) == [NOW_US, NOW_US + WINDOW_US]
    latest = {one.sensor: one.source_time_us for one in store.latest_readings()}
    assert latest.keys() == set(MACHINE.sensor_index)
    assert {time for name, time in latest.items() if name != astray} == {NOW_US + 3 * WINDOW_US - SECOND_US}


def test_readings_are_stamped_anew_only_once_they_are_diagnosed(open_store, diagnoser):
    store = open_store()
    store.start_clock(ClockStep(0, *[0] * 3, ClockState.SUSPECT, ClockState.SUSPECT), "kernel")
    pipeline = make_pipeline(store, diagnoser)
    known = ClockStep(0, DAY_US, WINDOW_US // 2, WINDOW_US // 2 + DAY_US, ClockState.SUSPECT, ClockState.SYNCED)
    pipeline.store_readings(readings(0, WINDOW_US // 2), known)
    store.prune()
    (outcome,) = drain(pipeline)
    assert outcome.window.completeness > 0.4
    (account,) = store.accounts()
    assert set(account.fates) == {Fate.WINDOW}
    store.prune()
    assert store.newest_source_time() == WINDOW_US // 2 + DAY_US - min(SECOND_US, WINDOW_US)
