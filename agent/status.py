"""What the agent knows of itself: each part's condition, progress, and the last diagnosis.

A change of condition is reported once when it goes wrong and once when it is over; that rule lives here and nowhere
else.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog

from edge_runtime.diagnosis import Diagnosis
from edge_runtime.sensor_health import GOOD, SensorHealth

log = structlog.get_logger("agent")
SETTINGS = "settings"
"""The part that takes up other settings."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How one part of the agent is. `since_s` is in the monotonic clock's seconds."""

    healthy: bool
    message: str
    hint: str
    since_s: float


@dataclass(frozen=True, slots=True)
class Reload:
    """How taking up other settings ended. `number` counts the attempts since start."""

    number: int
    applied: bool
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A consistent view of the agent at one moment."""

    conditions: Mapping[str, Condition]
    readings: int
    windows: int
    alerts: int
    last_reading_us: int | None
    last_diagnosis: Diagnosis | None
    reload: Reload | None = None
    sensors: tuple[SensorHealth, ...] = ()


@dataclass(slots=True)
class AgentStatus:
    """Written by the daemon's tasks, read by the health server's thread."""

    monotonic: Callable[[], float] = time.monotonic
    _conditions: dict[str, Condition] = field(default_factory=dict)
    _beats: dict[str, float] = field(default_factory=dict)
    _snapshot: Snapshot = field(default_factory=lambda: Snapshot({}, 0, 0, 0, None, None))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def report(self, part: str, *, healthy: bool, message: str, hint: str = "") -> None:
        """Note how a part is; logs when that changed."""
        with self._lock:
            before = self._conditions.get(part)
            if before is not None and before.healthy == healthy and (healthy or before.message == message):
                return
            self._conditions[part] = Condition(healthy, message, hint, self.monotonic())
            self._snapshot = replace(self._snapshot, conditions=dict(self._conditions))
        if not healthy:
            log.warning("part_failed", part=part, message=message, hint=hint)
        else:
            log.info("part_recovered" if before is not None else "part_ready", part=part, message=message)

    def describe(self, part: str, message: str) -> None:
        """Say what a part that works does by now: no change of state, so nothing is logged."""
        with self._lock:
            before = self._conditions.get(part)
            if before is not None and before.healthy and before.message != message:
                self._conditions[part] = replace(before, message=message)
                self._snapshot = replace(self._snapshot, conditions=dict(self._conditions))

    def beat(self, task: str) -> None:
        """A task has made progress."""
        self._beats[task] = self.monotonic()

    def forget(self, part: str) -> None:
        """This part is no more."""
        with self._lock:
            self._conditions.pop(part, None)
            self._beats.pop(part, None)
            self._snapshot = replace(self._snapshot, conditions=dict(self._conditions))

    def silent_tasks(self, limit_s: float) -> list[str]:
        """Tasks that haven't made progress for longer than `limit_s`."""
        now = self.monotonic()
        return sorted(task for task, beat in self._beats.items() if now - beat > limit_s)

    def stored(self, readings: int, newest_source_time_us: int) -> None:
        """Readings have become durable."""
        with self._lock:
            self._snapshot = replace(
                self._snapshot, readings=self._snapshot.readings + readings, last_reading_us=newest_source_time_us
            )

    def diagnosed(self, diagnosis: Diagnosis, alerts: int) -> None:
        """A window has been recorded."""
        with self._lock:
            self._snapshot = replace(
                self._snapshot,
                windows=self._snapshot.windows + 1,
                alerts=self._snapshot.alerts + alerts,
                last_diagnosis=diagnosis,
            )

    def sensed(self, sensors: tuple[SensorHealth, ...]) -> None:
        """How the sensors are. What fails together, such as with its source, is logged in one line."""
        with self._lock:
            before = {sensor.sensor: sensor.state for sensor in self._snapshot.sensors}
            self._snapshot = replace(self._snapshot, sensors=sensors)
        changed = [sensor for sensor in sensors if sensor.state != before.get(sensor.sensor, GOOD)]
        if unwell := {sensor.sensor: sensor.message for sensor in changed if not sensor.well}:
            log.warning("sensors_unwell", sensors=unwell)
        if well := [sensor.sensor for sensor in changed if sensor.well]:
            log.info("sensors_well", sensors=well)

    def reloaded(self, *, applied: bool, message: str, hint: str = "") -> None:
        """Other settings were taken up, or refused. Every attempt is logged: somebody waits for it."""
        with self._lock:
            before = self._snapshot.reload
            outcome = Reload(before.number + 1 if before else 1, applied, message, hint)
            shown = message if applied else f"reload refused: {message}"
            self._conditions[SETTINGS] = Condition(applied, shown, hint, self.monotonic())
            self._snapshot = replace(self._snapshot, conditions=dict(self._conditions), reload=outcome)
        if applied:
            log.info("reload_applied", message=message)
        else:
            log.error("reload_refused", message=message, hint=hint)

    def snapshot(self) -> Snapshot:
        """The state now."""
        return self._snapshot
