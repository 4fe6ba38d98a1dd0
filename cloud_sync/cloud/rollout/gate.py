"""Whether a roll-out's next wave may be opened, and whether it has to halt; pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from cloud_sync.cloud.rollout.plan import Rollout
from cloud_sync.cloud.rollout.progress import MachineProgress, Stage

_NAMED = 5


class Judgement(BaseModel):
    """What stands against opening the next wave, and against going on at all.

    Attributes:
        against_next: reasons, in words; none: the next wave may be opened.
        against_any: why no further box may begin with it; none: it goes on.
    """

    model_config = ConfigDict(frozen=True)

    against_next: tuple[str, ...] = ()
    against_any: str = ""


def judge(rollout: Rollout, machines: Sequence[MachineProgress], now: datetime) -> Judgement:
    """Judge a roll-out by the machines in its open waves.

    Failures that were known when somebody let it go on aren't held against it again, but where all have failed nothing
    shows that it works. A machine that falls silent keeps
    the next wave closed, and doesn't halt the roll-out: it may as well be switched off.
    """
    counted = [one for one in machines if one.machine not in rollout.known_failures]
    if not counted or rollout.wave_opened_at is None:
        unproven = f"none of {len(machines)} machines has run it without failing"
        return Judgement(against_next=(unproven,) if machines else ())
    failed = [one for one in counted if one.stage is Stage.FAILED]
    silent = [one for one in counted if one.stage is Stage.SILENT]
    running = [one for one in counted if one.stage is Stage.RUNNING]
    halt = _too_many("failed", failed, counted, rollout.max_failed)
    reasons = [halt or _too_many("failed or fell silent", [*failed, *silent], counted, rollout.max_failed)]
    if len(running) * 100 < rollout.min_running * len(counted):
        reasons.append(f"{len(running)} of {len(counted)} machines run it, {rollout.min_running} % must")
    if (left := timedelta(hours=rollout.soak_hours) - (now - rollout.wave_opened_at)) > timedelta(0):
        reasons.append(f"its wave must be open for {rollout.soak_hours:g} h, {left.total_seconds() / 3600:.1f} h more")
    return Judgement(against_next=tuple(filter(None, reasons)), against_any=halt)


def _too_many(what: str, some: Sequence[MachineProgress], all_of_them: Sequence[MachineProgress], limit: int) -> str:
    if len(some) * 100 <= limit * len(all_of_them):
        return ""
    names = ", ".join(one.machine for one in some[:_NAMED]) + (", …" if len(some) > _NAMED else "")
    return f"{len(some)} of {len(all_of_them)} machines {what} ({names}), {limit} % may"
