"""What is in the two model slots, and every step from one state to the next; pure, `slots.py` puts it on disk."""

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

STATE_SCHEMA = 1
EVENTS_KEPT = 50
STARTS_ON_PROBATION = 3


class SlotName(StrEnum):
    """The two slots."""

    A = "a"
    B = "b"


class SlotAction(StrEnum):
    """What can happen to the bundle in a slot."""

    INSTALLED = "installed"
    ACTIVATED = "activated"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    ROLLED_BACK = "rolled_back"
    RECOVERED = "recovered"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SlotContent(_Frozen):
    """Which bundle a slot holds; `sha256` is the bundle's, over its manifest."""

    name: str
    version: str
    release: int
    sha256: str


class SlotEvent(_Frozen):
    """One thing that happened, and why."""

    action: SlotAction
    slot: SlotName | None
    release: int
    reason: str = ""


class SlotState(_Frozen):
    """The whole of `state.json`.

    Attributes:
        active: the slot that diagnoses.
        previous: the slot to go back to.
        candidate: the slot whose bundle was installed and not yet activated.
        probation_left: windows until the active bundle stays; 0 when it does.
        starts_left: how often the agent may still start on probation without a window in between.
        highest_release: highest release that was ever active or rejected.
        content: what the slots hold; a slot that is being filled is not in it.
        history: the latest events, oldest first.
    """

    schema_version: int = STATE_SCHEMA
    active: SlotName | None = None
    previous: SlotName | None = None
    candidate: SlotName | None = None
    probation_left: int = Field(0, ge=0)
    starts_left: int = Field(0, ge=0)
    highest_release: int = Field(0, ge=0)
    content: dict[SlotName, SlotContent] = {}
    history: tuple[SlotEvent, ...] = ()

    @model_validator(mode="after")
    def _pointers_hold(self) -> Self:
        if self.previous == self.active is not None or self.candidate not in {None, self.idle}:
            msg = f"active {self.active}, previous {self.previous} and candidate {self.candidate} contradict each other"
            raise ValueError(msg)
        if missing := {self.active, self.previous, self.candidate} - {None} - self.content.keys():
            msg = f"points at {', '.join(sorted(map(str, missing)))}, which holds nothing"
            raise ValueError(msg)
        return self

    @property
    def idle(self) -> SlotName:
        """The slot that isn't active."""
        return SlotName.B if self.active is SlotName.A else SlotName.A

    def release_in(self, slot: SlotName | None) -> int:
        """Release of the bundle in a slot, 0 when there is none."""
        held = None if slot is None else self.content.get(slot)
        return 0 if held is None else held.release

    def filling(self) -> Self:
        """The idle slot is about to be written to: nothing may point at it, and the way back is given up."""
        content = {slot: held for slot, held in self.content.items() if slot is not self.idle}
        return self.model_copy(
            update={"previous": None, "candidate": None, "probation_left": 0, "starts_left": 0, "content": content}
        )

    def filled(self, content: SlotContent) -> Self:
        """The idle slot holds a whole bundle, the candidate."""
        slot = self.idle
        return self._after(SlotAction.INSTALLED, slot, candidate=slot, content={**self.content, slot: content})

    def activated(self, probation_windows: int) -> Self:
        """The candidate, which must be there, becomes the active one."""
        return self._after(
            SlotAction.ACTIVATED,
            self.candidate,
            active=self.candidate,
            previous=self.active,
            candidate=None,
            probation_left=probation_windows,
            starts_left=STARTS_ON_PROBATION if probation_windows else 0,
            highest_release=max(self.highest_release, self.release_in(self.candidate)),
        )

    def rejected(self, reason: str) -> Self:
        """The candidate is given up, and its release never taken again by an update."""
        highest = max(self.highest_release, self.release_in(self.candidate))
        return self._after(SlotAction.REJECTED, self.candidate, reason, candidate=None, highest_release=highest)

    def window_recorded(self) -> Self:
        """One step of the probation; the last one confirms."""
        if self.probation_left <= 1:
            return self.confirmed()
        return self.model_copy(update={"probation_left": self.probation_left - 1, "starts_left": STARTS_ON_PROBATION})

    def started(self) -> Self:
        """The agent has started on probation."""
        return self.model_copy(update={"starts_left": self.starts_left - 1})

    def confirmed(self) -> Self:
        """The probation is over, the active bundle stays."""
        return self._after(SlotAction.CONFIRMED, self.active, probation_left=0, starts_left=0)

    def rolled_back(self, reason: str) -> Self:
        """The active bundle is given up; the previous one, which must be there, is active again."""
        return self._after(
            SlotAction.ROLLED_BACK,
            self.active,
            reason,
            active=self.previous,
            previous=None,
            candidate=None,
            probation_left=0,
            starts_left=0,
        )

    @classmethod
    def recovered(cls, content: dict[SlotName, SlotContent], reason: str) -> Self:
        """What can be told when `state.json` is damaged.

        Of two bundles the one with the lower release is taken: it is the one that proved itself before the other came.
        """
        active = min(content, key=lambda slot: content[slot].release, default=None)
        highest = max((held.release for held in content.values()), default=0)
        lowest = 0 if active is None else content[active].release
        event = SlotEvent(action=SlotAction.RECOVERED, slot=active, release=lowest, reason=reason)
        return cls(active=active, highest_release=highest, content=content, history=(event,))

    def _after(self, action: SlotAction, slot: SlotName | None, reason: str = "", **changes: object) -> Self:
        """This state with `changes`, and the event in its history."""
        changed = self.model_copy(update=changes)
        event = SlotEvent(action=action, slot=slot, release=changed.release_in(slot), reason=reason)
        return changed.model_copy(update={"history": (*self.history, event)[-EVENTS_KEPT:]})
