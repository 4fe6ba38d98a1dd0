"""Which machines a roll-out reaches, and with which version; pure.

Each machine has two places between 0 and 1, which its name and the roll-out's version decide for ever: one says in
which wave it comes, the other on which side of a split it is. So a wave that is widened keeps every machine it had, on
its side, and no list of machines has to be kept.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge_runtime.machine import Name
from edge_runtime.manifest import Version

Percent = Annotated[int, Field(ge=1, le=100)]
Hours = Annotated[float, Field(ge=0, le=24 * 365)]


class State(StrEnum):
    """How far a roll-out is."""

    PLANNED = "planned"
    ACTIVE = "active"
    PAUSED = "paused"
    """No further box begins with it; those that run it go on."""
    DONE = "done"
    """Its last wave stood the test; it goes on serving the machines that it reaches, new ones too."""
    ROLLED_BACK = "rolled_back"


class Plan(BaseModel):
    """What is to be rolled out, and how carefully.

    Attributes:
        model: its name.
        version: the version to be rolled out.
        against: another version for the machines on the other side of a split (A/B); none without a split.
        split: share of the machines in open waves that get `version`, percent.
        canaries: machines that get `version` first, whatever their place.
        waves: shares of all machines, percent, one after the other; the last needn't be 100.
        soak_hours: how long a wave must have been open before the next one opens.
        max_failed: share of the machines in open waves that may fail; above it the roll-out is halted, percent.
        min_running: share of the machines in open waves that must run it before the next one opens, percent.
        silent_hours: a machine that was offered it and has sent no diagnosis for so long keeps the next wave closed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Name
    version: Version
    against: Version | None = None
    split: Percent = 100
    canaries: Annotated[tuple[Name, ...], Field(max_length=1000)] = ()
    waves: Annotated[tuple[Percent, ...], Field(min_length=1, max_length=20)] = (10, 50, 100)
    soak_hours: Hours = 24
    max_failed: Annotated[int, Field(ge=0, le=100)] = 5
    min_running: Annotated[int, Field(ge=0, le=100)] = 80
    silent_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 6

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if any(later <= earlier for earlier, later in zip(self.waves, self.waves[1:], strict=False)):
            raise ValueError(f"waves {self.waves}: each must be wider than the one before")
        if (self.against is None) != (self.split == 100):
            raise ValueError("against and a split below 100 come together: give both or neither")
        if self.against == self.version:
            raise ValueError(f"against {self.against}: name another version than the one rolled out")
        return self

    @property
    def percents(self) -> tuple[int, ...]:
        """The share that each wave reaches. Canaries, where there are any, come as a wave of their own."""
        return (0, *self.waves) if self.canaries else self.waves

    def version_of(self, machine: str, wave: int) -> str | None:
        """The version that this plan gives a machine once the waves up to `wave` are open; None when it isn't in them.

        Raises:
            IndexError: there is no such wave.
        """
        if machine in self.canaries:
            return self.version
        if self._place("wave", machine) * 100 >= self.percents[wave]:
            return None
        return self.version if self._place("side", machine) * 100 < self.split else self.against

    def _place(self, what: str, machine: str) -> float:
        digest = hashlib.sha256(f"{what} {self.model} {self.version} {machine}".encode()).digest()
        return int.from_bytes(digest[:6]) / 2**48


class Rollout(Plan):
    """A plan that was set up.

    Attributes:
        id: its number; a later one of the same model goes before an earlier one.
        wave: the last wave that is open.
        reason: why it is paused or was rolled back.
        created_by: who set it up; the audit says who did what to it since.
        wave_opened_at: since when its last open wave is open; None until it is begun.
        known_failures: machines that had failed when somebody let it go on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: int
    state: State
    wave: int
    reason: str
    created_at: datetime
    created_by: str
    wave_opened_at: datetime | None
    known_failures: tuple[str, ...]

    @property
    def at_last_wave(self) -> bool:
        """Whether no further wave can be opened."""
        return self.wave == len(self.percents) - 1

    def serves(self, machine: str) -> str | None:
        """The version that it gives a machine at present; None when the machine isn't in an open wave."""
        return self.version_of(machine, self.wave)


def deciding(rollouts: Iterable[Rollout], machine: str, states: frozenset[State]) -> tuple[Rollout | None, str | None]:
    """The latest roll-out of a model that reaches a machine, and the version that it gives it.

    Args:
        rollouts: all of one model.
        machine: its name.
        states: of the roll-outs that count.
    """
    for rollout in sorted(rollouts, key=lambda one: one.id, reverse=True):
        if rollout.state in states and (version := rollout.serves(machine)) is not None:
            return rollout, version
    return None, None
