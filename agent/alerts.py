"""When an alert is raised and when it is cleared: hysteresis over windows, pure.

An alert is raised when `raise_after` windows in a row say that a component is not normal, and cleared when
`clear_after` windows in a row say that it is. A window that abstains or isn't sure enough counts for neither. When a
standing alert's component gets worse, the alert is cleared and a worse one is raised in the same step, so that each
alert is raised once and cleared once. What is tracked is (component, kind), where kind is the condition's fault mode or
`sensor-NAME` for a sensor that is silent or stuck.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from agent.settings import AlertSettings
from edge_runtime.alert import Alert, AlertState
from edge_runtime.diagnosis import ComponentDiagnosis, Diagnosis, Evidence
from edge_runtime.machine import Machine
from edge_runtime.vocabulary import Ne107State

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


@dataclass(frozen=True, slots=True)
class Streak:
    """How many windows in a row were bad or good, and the alert that stands."""

    bad: int = 0
    good: int = 0
    standing: Alert | None = None


@dataclass(frozen=True, slots=True)
class AlertTracker:
    """Follows every (component, kind) from window to window. A value: each window gives the next tracker."""

    machine: Machine
    settings: AlertSettings
    streaks: Mapping[tuple[str, str], Streak] = field(default_factory=dict)

    def resumed(self, standing: Iterable[Alert], recent: Iterable[Diagnosis]) -> Self:
        """As it was when the last run stopped, from its standing alerts and its last diagnoses, oldest first."""
        streaks = dict(self.streaks)
        for diagnosis in recent:
            for finding in findings(diagnosis, self.machine):
                place = (finding.component, finding.kind)
                streaks[place] = self._counted(streaks.get(place, Streak()), finding)
        for alert in standing:
            place = (alert.component, alert.kind)
            streaks[place] = replace(streaks.get(place, Streak()), standing=alert)
        return replace(self, streaks=streaks)

    def after(self, diagnosis: Diagnosis) -> tuple[Self, tuple[Alert, ...]]:
        """The tracker after this window, and the alerts that the window raises or clears, in order."""
        streaks = dict(self.streaks)
        changes: list[Alert] = []
        for finding in findings(diagnosis, self.machine):
            place = (finding.component, finding.kind)
            before = streaks.get(place, Streak())
            streaks[place], changed = self._stepped(before, self._counted(before, finding), finding, diagnosis)
            changes += changed
        return replace(self, streaks=streaks), tuple(changes)

    def _counted(self, streak: Streak, finding: Finding) -> Streak:
        unsure = finding.confidence is not None and finding.confidence < self.settings.min_confidence
        if finding.state is None or unsure:
            return streak
        if finding.state is Ne107State.NORMAL:
            return replace(streak, good=streak.good + 1, bad=0)
        return replace(streak, bad=streak.bad + 1, good=0)

    def _stepped(
        self, before: Streak, streak: Streak, finding: Finding, diagnosis: Diagnosis
    ) -> tuple[Streak, list[Alert]]:
        standing = streak.standing
        if standing and streak.good >= self.settings.clear_after:
            return replace(streak, standing=None), [self._cleared(standing, diagnosis)]
        if finding.state is None or streak.bad == before.bad or streak.bad < self.settings.raise_after:
            return streak, []
        if standing and _ORDER.index(finding.state) <= _ORDER.index(standing.severity):
            return streak, []
        raised = self._raised(finding, finding.state, diagnosis)
        cleared = [self._cleared(standing, diagnosis)] if standing else []
        return replace(streak, standing=raised), [*cleared, raised]

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
