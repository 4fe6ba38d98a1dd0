"""From readings to recorded diagnoses: the agent's one path, synchronous and run in one thread.

Readings are judged and stored first. A window is always cut from the store, never from memory, so that a restart makes
the same window that the interrupted run would have made. Window, diagnosis, alerts, outbox rows and the cursor that
says how far this got are one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.alerts import AlertTracker
from agent.baseline_keeper import BaselineKeeper
from agent.gap_causes import explained, lack_readings
from agent.sensor_judge import SensorJudge
from agent.settings import AlertSettings
from agent.store.block import Block
from agent.store.numbering import WindowPlan
from agent.store.store import Store
from edge_runtime.alert import Alert
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.machine import Machine
from edge_runtime.reading import Reading
from edge_runtime.sensor_health import SensorHealth
from edge_runtime.source_clocks import SourceClocks
from edge_runtime.timeline import ClockStep
from edge_runtime.window import Window
from edge_runtime.windowing import WindowSchedule, cut_window

# A block holds seconds or, once merged, minutes. One that spans more than a day was stored while a clock stepped, and
# the time between holds nothing.
MERGED_SPAN_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one window came to."""

    window: Window
    diagnosis: Diagnosis
    alerts: tuple[Alert, ...]


class Pipeline:
    """Stores readings and diagnoses every window that has become complete."""

    def __init__(
        self,
        machine: Machine,
        store: Store,
        diagnoser: Diagnoser,
        tracker: AlertTracker,
        lateness_us: int,
        baselines: BaselineKeeper | None = None,
    ) -> None:
        """`baselines`: of this machine when it is healthy; without, the model's is the evidence."""
        self._machine = machine
        self._store = store
        self._diagnoser = diagnoser
        self._length_us = round(diagnoser.bundle.manifest.window_s * 1e6)
        store.plan = WindowPlan(self._length_us, frozenset(machine.sensor_index))
        self._baselines = baselines
        self._source_clocks = SourceClocks()
        self._schedule = WindowSchedule(self._length_us, lateness_us, store.next_window_start())
        self._history = store.health_history()
        recent = store.diagnoses(limit=tracker.settings.looks_back)
        self._tracker = tracker.resumed(store.standing_alerts(), reversed(recent))
        self._schedule.observe(self._undiagnosed_times())
        self._judge = SensorJudge(machine)

    @property
    def diagnoser(self) -> Diagnoser:
        """The one in use."""
        return self._diagnoser

    def use(self, diagnoser: Diagnoser) -> None:
        """Diagnose with another model from the next window on. Its windows must be of the same length."""
        self._diagnoser = diagnoser

    def tune(self, alerts: AlertSettings, lateness_us: int) -> None:
        """Take up other settings from the next window on; what has been counted so far stays counted."""
        self._tracker = replace(self._tracker, settings=alerts)
        self._schedule.lateness_us = lateness_us

    def store_readings(self, readings: Sequence[Reading], step_after: ClockStep | None = None) -> None:
        """Judge readings, make them durable and note how far the sources' clocks have got.

        `step_after`: the box's clock was set after they had arrived and before the next ones.

        Raises:
            StoreError: they are not stored; give them again.
        """
        readings, source_times_us = self._source_clocks.judge(readings)
        if readings:
            judged = self._judge.judge(Block.of(readings))
            self._store.append_block(judged.block, step_after)
            self._judge.stored(judged)
            self._schedule.observe(source_times_us)
        elif step_after:
            self._store.append((), step_after=step_after)
        if step_after:
            self._schedule.clock_set(step_after.shift_us)
            self._store.hold_times(self._schedule.ending)

    def sensor_health(self) -> tuple[SensorHealth, ...]:
        """How well each sensor is, by the readings stored so far."""
        return self._judge.health()

    def diagnose_next(self) -> Outcome | None:
        """Diagnose and record the oldest window that is complete; None when there is none.

        Raises:
            StoreError: the window can't be read or recorded; it stays due.
            BackendError: the model can't be run; the window stays due.
        """
        for start_us in self._schedule.due():
            outcome = self._diagnose(start_us)
            self._done(start_us)
            if outcome:
                return outcome
        return None

    def give_up(self) -> int | None:
        """Leave out the oldest window that is complete; its readings stay. Gives its start, None without one.

        Raises:
            StoreError: that can't be written down; the window stays due.
        """
        for start_us in self._schedule.due():
            self._store.skip_to(start_us + self._length_us)
            self._done(start_us)
            return start_us
        return None

    def _done(self, start_us: int) -> None:
        self._schedule.done(start_us)
        self._store.hold_times(self._schedule.ending)

    def _undiagnosed_times(self) -> set[int]:
        """Source times that stand for every window with stored readings after the last diagnosed one."""
        cursor_us = self._store.next_window_start()
        times: set[int] = set()
        for first_us, last_us in self._store.reading_spans(0 if cursor_us is None else cursor_us):
            times |= {first_us, last_us}
            if last_us - first_us < MERGED_SPAN_US:
                times.update(range(first_us, last_us, self._length_us))
        return times

    def _diagnose(self, start_us: int) -> Outcome | None:
        end_us = start_us + self._length_us
        series = self._store.series(start_us, end_us)
        if not any(len(item) for item in series.values()):
            self._store.skip_to(end_us)
            return None
        window = cut_window(self._machine, series, start_us, end_us)
        window_s = self._diagnoser.bundle.manifest.window_s
        baseline = self._baselines.current(window_s) if self._baselines else None
        diagnosis = self._with_causes(self._diagnoser.diagnose(window, self._history, baseline), window)
        tracker, alerts = self._tracker.after(diagnosis)
        self._store.record(window, diagnosis, alerts)
        self._tracker = tracker
        self._history = self._history.extended(start_us, diagnosis.healths)
        if self._baselines:
            self._baselines.recorded(window, diagnosis, self._store)
        return Outcome(window, diagnosis, alerts)

    def _with_causes(self, diagnosis: Diagnosis, window: Window) -> Diagnosis:
        """Say of sensors without readings what the ledger of gaps knows of them."""
        if not lack_readings(diagnosis.sensor_faults):
            return diagnosis
        gaps = self._store.gaps(window.start_us)
        faults = explained(diagnosis.sensor_faults, gaps, window.start_us, window.end_us)
        return diagnosis.model_copy(update={"sensor_faults": faults})
