"""What the operator hears of models that failed on this box: an alert of the box itself; pure.

The centre's roll-outs read it too: it is how they learn that a version fails, and halt.
"""

from collections.abc import Sequence
from datetime import datetime

from edge_runtime.alert import Alert, AlertState
from edge_runtime.diagnosis import ModelIdentity
from edge_runtime.slot_state import SlotAction, SlotContent, SlotEvent, SlotState
from edge_runtime.vocabulary import Ne107State

COMPONENT = "box"
KIND = "model-update"
_FAILED = {SlotAction.REJECTED: "refused", SlotAction.ROLLED_BACK: "rolled back"}


def notices(state: SlotState, standing: Sequence[Alert], *, machine: str, now: datetime) -> list[Alert]:
    """The alerts to raise and to clear, so that one stands for each model that failed since the last one was kept.

    Each alert's `model` is the one that failed, whichever diagnoses.
    """
    failed = _failed(state)
    open_alerts = {alert.id: alert for alert in standing if (alert.component, alert.kind) == (COMPONENT, KIND)}
    raised = [
        _raised(event, held, machine, now)
        for event in failed
        for held in state.content.values()
        if held.release == event.release and _id(event.release) not in open_alerts
    ]
    still = {_id(event.release) for event in failed}
    cleared = [
        alert.model_copy(update={"state": AlertState.CLEARED, "cleared_at": now})
        for identity, alert in open_alerts.items()
        if identity not in still
    ]
    return [*cleared, *raised]


def _failed(state: SlotState) -> list[SlotEvent]:
    """Each release that was refused or rolled back since a model was last kept, once, with the last reason."""
    failed: dict[int, SlotEvent] = {}
    for event in state.history:
        if event.action is SlotAction.CONFIRMED:
            failed.clear()
        elif event.action in _FAILED:
            failed[event.release] = event
    return list(failed.values())


def _id(release: int) -> str:
    return f"{COMPONENT}-{KIND}-{release}"


def _raised(event: SlotEvent, model: SlotContent, machine: str, now: datetime) -> Alert:
    return Alert(
        id=_id(event.release),
        machine=machine,
        component=COMPONENT,
        kind=KIND,
        state=AlertState.RAISED,
        severity=Ne107State.CHECK_FUNCTION,
        message=f"model {model.name} {model.version} {_FAILED[event.action]}: {event.reason}",
        action="Look at what the model fails on before it goes to more boxes: hydrosight-cloud rollout status.",
        raised_at=now,
        model=ModelIdentity.model_validate(model, from_attributes=True),
    )
