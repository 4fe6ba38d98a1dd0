"""How far each machine is that a roll-out reaches; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from cloud_sync.cloud.rollout.plan import Rollout


class Stage(StrEnum):
    """How far one machine is with the version that a roll-out gives it."""

    WAITING = "waiting"
    """Its box hasn't asked yet, or was told something else when it did."""
    OFFERED = "offered"
    """Its box was told to take it, and no diagnosis of it has come yet."""
    RUNNING = "running"
    """Its newest diagnosis is of that version."""
    SILENT = "silent"
    """It was offered it or has run it, and for long no diagnosis has come: it is at fault, switched off or offline."""
    FAILED = "failed"
    """Its box refused it on its golden windows, or went back to the model before."""


@dataclass(frozen=True, slots=True)
class MachineSeen:
    """What the database has of a machine that runs a model, or has asked for it.

    Attributes:
        rollout: that decided when its box asked last; None where none did.
        offered: version that its box was told to take when it asked last; empty for none.
        offered_at: since when it is told so.
        asked_at: when it asked last; None for never.
        running: version of its newest diagnosis, None where that is of another model.
        diagnosed_until: end of the newest diagnosed window, by the box's clock.
        failed: reason by version, of those that have failed on its box.
    """

    machine: str
    rollout: int | None
    offered: str
    offered_at: datetime | None
    asked_at: datetime | None
    running: str | None
    diagnosed_until: datetime | None
    failed: Mapping[str, str]


class MachineProgress(BaseModel):
    """One machine in an open wave: `version` is what it is given, `reason` why it has failed."""

    model_config = ConfigDict(frozen=True)

    machine: str
    version: str
    stage: Stage
    running: str | None
    diagnosed_until: datetime | None
    asked_at: datetime | None
    reason: str = ""


def progress(rollout: Rollout, fleet: Iterable[MachineSeen], now: datetime) -> list[MachineProgress]:
    """The machines that a roll-out reaches, in the order of `fleet`. One that was never begun reaches nobody."""
    if rollout.wave_opened_at is None:
        return []
    silent_for = timedelta(hours=rollout.silent_hours)
    return [
        MachineProgress(
            machine=seen.machine,
            version=version,
            stage=_stage(rollout, seen, version, now - silent_for),
            running=seen.running,
            diagnosed_until=seen.diagnosed_until,
            asked_at=seen.asked_at,
            reason=seen.failed.get(version, ""),
        )
        for seen in fleet
        if (version := rollout.serves(seen.machine)) is not None
    ]


def stages(machines: Iterable[MachineProgress]) -> dict[str, dict[Stage, int]]:
    """How many machines are at each stage, by version."""
    counted = Counter((one.version, one.stage) for one in machines)
    return {
        version: {stage: counted[version, stage] for stage in Stage} for version in sorted({key[0] for key in counted})
    }


def _stage(rollout: Rollout, seen: MachineSeen, version: str, silent_before: datetime) -> Stage:
    if version in seen.failed and seen.running != version:
        return Stage.FAILED
    offered = seen.rollout == rollout.id and seen.offered == version
    if not offered and seen.running != version:
        return Stage.WAITING
    had_time = seen.offered_at is None or not offered or seen.offered_at < silent_before
    if had_time and (seen.diagnosed_until is None or seen.diagnosed_until < silent_before):
        return Stage.SILENT
    return Stage.RUNNING if seen.running == version else Stage.OFFERED
