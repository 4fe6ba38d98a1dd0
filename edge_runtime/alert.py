"""An alert: raised once when a component gets worse, cleared once when well again. Its JSON goes out over MQTT."""

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from edge_runtime.diagnosis import Evidence, ModelIdentity
from edge_runtime.vocabulary import Ne107State


class AlertState(StrEnum):
    """An alert is raised, then cleared; a new occurrence is a new alert."""

    RAISED = "raised"
    CLEARED = "cleared"


class Alert(BaseModel):
    """One alert in one of its two states.

    Attributes:
        id: the same when raised and when cleared.
        kind: what it is about: a fault mode, or `health` when no fault mode stands out.
        severity: the worst NE 107 state it stands for.
        raised_at: end of the window that raised it, by source time.
        cleared_at: end of the window that cleared it, by source time; None while it stands.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = 1
    id: str
    machine: str
    component: str
    kind: str
    state: AlertState
    severity: Ne107State
    message: str
    action: str = ""
    health: float | None = None
    confidence: float | None = None
    evidence: tuple[Evidence, ...] = ()
    raised_at: AwareDatetime
    cleared_at: AwareDatetime | None = None
    model: ModelIdentity
