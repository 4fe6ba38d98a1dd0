"""Which document is in force and which one it replaced, and every step from one to the next; pure.

    activated ──► on probation ──beats──► confirmed
                       └──rolled back──► the former one is in force again, or the box's own settings alone

The highest version that was ever activated or refused is kept for each addressee, and a document has to be above it:
one that was rolled back or refused does not come again.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from agent.remote.document import RemoteDocument

TRIAL_SCHEMA = 1
EVENTS_KEPT = 20
STARTS_ON_PROBATION = 3
"""How often the agent may be started on probation: settings that bring it down never get as far as failing a source."""


class TrialAction(StrEnum):
    """What can happen to a document."""

    ACTIVATED = "activated"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TrialEvent(_Frozen):
    """One thing that happened, and why."""

    action: TrialAction
    addressee: str
    version: int
    reason: str = ""


class Probation(_Frozen):
    """What the active document still has to stand.

    Attributes:
        left_s: for so long.
        starts_left: so many starts of the agent meanwhile.
        watched: sources that worked before, and have to work under it.
    """

    left_s: float = Field(gt=0)
    starts_left: int = Field(STARTS_ON_PROBATION, ge=0)
    watched: tuple[str, ...] = ()


class Trial(_Frozen):
    """The whole of the state.

    Attributes:
        active: the document in force; None for the box's own settings alone.
        previous: the one to go back to; None for the box's own settings alone.
        probation: of the active one; None when it has proved itself.
        highest: by addressee, the highest version that was ever activated or refused.
        history: the latest events, oldest first.
        unreported: how many of the latest events the centre hasn't been told yet.
    """

    schema_version: int = TRIAL_SCHEMA
    active: RemoteDocument | None = None
    previous: RemoteDocument | None = None
    probation: Probation | None = None
    highest: Mapping[str, int] = {}
    history: tuple[TrialEvent, ...] = ()
    unreported: int = Field(0, ge=0)

    def activated(self, document: RemoteDocument, *, probation_s: float, watched: tuple[str, ...]) -> Self:
        """This document is in force, on probation."""
        return self._after(
            TrialAction.ACTIVATED,
            document,
            active=document,
            previous=self.active,
            probation=Probation(left_s=probation_s, watched=watched),
            highest=self._raised(document),
        )

    def refused(self, document: RemoteDocument, reason: str) -> Self:
        """This document was found wrong before it was in force."""
        return self._after(TrialAction.REFUSED, document, reason, highest=self._raised(document))

    def started(self) -> Self:
        """The agent has started; on probation it may do so only so often, then the former document is back."""
        if self.probation is None:
            return self
        if not self.probation.starts_left:
            return self.rolled_back(f"{STARTS_ON_PROBATION} starts of the agent on probation")
        fewer = self.probation.model_copy(update={"starts_left": self.probation.starts_left - 1})
        return self.model_copy(update={"probation": fewer})

    def stood(self, seconds: float) -> Self:
        """The sources have stood it for so long; the last of it confirms."""
        if self.probation is None or self.active is None:
            return self
        left_s = self.probation.left_s - seconds
        if left_s > 0:
            return self.model_copy(update={"probation": self.probation.model_copy(update={"left_s": left_s})})
        return self._after(TrialAction.CONFIRMED, self.active, probation=None)

    def rolled_back(self, reason: str) -> Self:
        """The active document, if there is one, is given up for the former one."""
        if self.active is None:
            return self
        return self._after(
            TrialAction.ROLLED_BACK, self.active, reason, active=self.previous, previous=None, probation=None
        )

    def reported(self) -> Self:
        """The centre has been told everything."""
        return self.model_copy(update={"unreported": 0})

    def highest_for(self, addressee: str) -> int:
        """A document for this addressee has to be above it."""
        return self.highest.get(addressee, 0)

    def _raised(self, document: RemoteDocument) -> dict[str, int]:
        return {**self.highest, document.addressee: max(document.version, self.highest_for(document.addressee))}

    def _after(self, action: TrialAction, document: RemoteDocument, reason: str = "", **changes: object) -> Self:
        event = TrialEvent(action=action, addressee=document.addressee, version=document.version, reason=reason)
        history = (*self.history, event)[-EVENTS_KEPT:]
        unreported = min(self.unreported + 1, EVENTS_KEPT)
        return self.model_copy(update={"history": history, "unreported": unreported, **changes})
