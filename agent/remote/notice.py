"""What the operator hears of remote settings: an alert of the box itself, raised once and cleared once; pure."""

from collections.abc import Sequence
from datetime import datetime

from agent.remote.trial import TrialAction, TrialEvent
from edge_runtime.alert import Alert, AlertState
from edge_runtime.diagnosis import ModelIdentity
from edge_runtime.vocabulary import Ne107State

COMPONENT = "box"
KIND = "remote-settings"
_FAILED = {TrialAction.REFUSED: "refused", TrialAction.ROLLED_BACK: "rolled back"}


def notices(
    events: Sequence[TrialEvent], standing: Sequence[Alert], *, machine: str, model: ModelIdentity, now: datetime
) -> list[Alert]:
    """The alerts that these events raise and clear, in order; a document that is confirmed clears all that stand."""
    open_alerts = {alert.id: alert for alert in standing if (alert.component, alert.kind) == (COMPONENT, KIND)}
    changes: list[Alert] = []
    for event in events:
        if event.action in _FAILED:
            alert = Alert(
                id=f"{COMPONENT}-{KIND}-{event.addressee}-{event.version}",
                machine=machine,
                component=COMPONENT,
                kind=KIND,
                state=AlertState.RAISED,
                severity=Ne107State.CHECK_FUNCTION,
                message=f"settings version {event.version} {_FAILED[event.action]}: {event.reason}",
                action="Correct the document and publish it as a new version.",
                raised_at=now,
                model=model,
            )
            open_alerts[alert.id] = alert
            changes.append(alert)
        elif event.action is TrialAction.CONFIRMED:
            changes += [
                alert.model_copy(update={"state": AlertState.CLEARED, "cleared_at": now})
                for alert in open_alerts.values()
            ]
            open_alerts.clear()
    return changes
