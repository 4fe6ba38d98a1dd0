"""When an alert is raised and when it is cleared: hysteresis over windows, pure.

An alert is raised when `raise_after` windows in a row say that a component is not normal, and cleared when
`clear_after` windows in a row say that it is. A window that abstains or isn't sure enough counts for neither. When a
standing alert's component gets worse, the alert is cleared and a worse one is raised in the same step, so that each
alert is raised once and cleared once. What is tracked is (component, kind), where kind is the condition's fault mode or
`sensor-NAME` for a sensor that is silent or stuck.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from agent.settings import AlertSettings
from edge_runtime.alert import Alert, AlertState
from edge_runtime.diagnosis import ComponentDiagnosis, Diagnosis, Evidence
from edge_runtime.machine import Machine, Ne107State

_ORDER = tuple(Ne107State)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one window says about one (component, kind). `state` None: the window says nothing."""

    component: str
    kind: str
    state: Ne107State | None
    message: str
    action: str = ""
    health: float | None = None
    confidence: float | None = None
    evidence: tuple[Evidence, ...] = ()


@dataclass(slots=True)
class _Streak:
    bad: int = 0
    good: int = 0
    standing: Alert | None = None


@dataclass(slots=True)
class AlertTracker:
    """Follows every (component, kind) from window to window."""

    machine: Machine
    settings: AlertSettings
    _streaks: dict[tuple[str, str], _Streak] = field(default_factory=dict)

    def resume(self, standing: Iterable[Alert], recent: Iterable[Diagnosis]) -> None:
        """Take up where the last run stopped: its standing alerts, and its last diagnoses, oldest first."""
        for diagnosis in recent:
            for finding in findings(diagnosis, self.machine):
                self._count(finding)
        for alert in standing:
            self._streak(alert.component, alert.kind).standing = alert

    def update(self, diagnosis: Diagnosis) -> list[Alert]:
        """The alerts that this diagnosis raises or clears, in order."""
        return [change for finding in findings(diagnosis, self.machine) for change in self._step(finding, diagnosis)]

    @property
    def standing(self) -> list[Alert]:
        """Alerts raised and not cleared."""
        return [streak.standing for streak in self._streaks.values() if streak.standing]

    def _streak(self, component: str, kind: str) -> _Streak:
        return self._streaks.setdefault((component, kind), _Streak())

    def _count(self, finding: Finding) -> _Streak:
        streak = self._streak(finding.component, finding.kind)
        unsure = finding.confidence is not None and finding.confidence < self.settings.min_confidence
        if finding.state is not None and not unsure:
            healthy = finding.state is Ne107State.NORMAL
            streak.good = streak.good + 1 if healthy else 0
            streak.bad = 0 if healthy else streak.bad + 1
        return streak

    def _step(self, finding: Finding, diagnosis: Diagnosis) -> Iterator[Alert]:
        before = self._streak(finding.component, finding.kind).bad
        streak = self._count(finding)
        standing = streak.standing
        if standing and streak.good >= self.settings.clear_after:
            yield self._cleared(standing, diagnosis)
            streak.standing = None
        elif streak.bad > before and streak.bad >= self.settings.raise_after and finding.state is not None:
            worse = standing is None or _ORDER.index(finding.state) > _ORDER.index(standing.severity)
            if standing and worse:
                yield self._cleared(standing, diagnosis)
            if worse:
                streak.standing = self._raised(finding, finding.state, diagnosis)
                yield streak.standing

    @staticmethod
    def _cleared(alert: Alert, diagnosis: Diagnosis) -> Alert:
        return alert.model_copy(update={"state": AlertState.CLEARED, "cleared_at": diagnosis.window_end})

    @staticmethod
    def _raised(finding: Finding, severity: Ne107State, diagnosis: Diagnosis) -> Alert:
        return Alert(
            id=f"{finding.component}-{finding.kind}-{severity}-{diagnosis.window_end:%Y%m%dT%H%M%SZ}",
            machine=diagnosis.machine,
            component=finding.component,
            kind=finding.kind,
            state=AlertState.RAISED,
            severity=severity,
            message=finding.message,
            action=finding.action,
            health=finding.health,
            confidence=finding.confidence,
            evidence=finding.evidence,
            raised_at=diagnosis.window_end,
            model=diagnosis.model,
        )


def findings(diagnosis: Diagnosis, machine: Machine) -> Iterator[Finding]:
    """What a diagnosis says about every labelled component and every sensor of the machine."""
    actions = {advice.component: advice.action for advice in reversed(diagnosis.recommendations)}
    for component in diagnosis.components:
        condition = machine.condition_of(component.component)
        if condition is not None:
            yield _component_finding(component, condition.fault.value, actions.get(component.component, ""))
    faulty = {fault.sensor: fault for fault in diagnosis.sensor_faults}
    for sensor in machine.sensors:
        fault = faulty.get(sensor.name)
        yield Finding(
            component=sensor.component,
            kind=f"sensor-{sensor.name}",
            state=Ne107State.CHECK_FUNCTION if fault else Ne107State.NORMAL,
            message=fault.message if fault else "",
            action=f"Check sensor {sensor.name}, its cable and its source." if fault else "",
        )


def _component_finding(component: ComponentDiagnosis, kind: str, action: str) -> Finding:
    health = "" if component.health is None else f", health {component.health:.0%}"
    return Finding(
        component=component.component,
        kind=kind,
        state=None if component.abstained else component.ne107,
        message=f"{component.component}: {component.condition} at {component.level}{health}",
        action=action,
        health=component.health,
        confidence=component.confidence,
        evidence=component.evidence,
    )
