"""How long the box can hold what it reads while the centre is away, and what is shed first, and when.

While the centre is away nothing that was recorded gets free to go, and everything grows at its rate. A stage of
retention's order is reached when what has grown over the limit is more than all earlier stages hold by then. Both sides
are straight lines in time, so the day they meet is exact as long as the rates stay as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.store.records import RecordClass
from agent.store.retention import EVERYTHING, Stage


@dataclass(frozen=True, slots=True)
class Held:
    """What the store holds, in bytes of its file.

    Attributes:
        limit: what it may hold.
        stages: what each stage of retention's order could give; those that are missing have nothing.
        other: what nobody can shed.
        daily: growth a day by class.
    """

    limit: float
    stages: Mapping[Stage, float]
    other: float
    daily: Mapping[RecordClass, float]


@dataclass(frozen=True, slots=True)
class Shedding:
    """When the first of a class goes.

    Attributes:
        record_class: of what.
        lost: whether the centre doesn't have it, or (readings) it isn't diagnosed: before that, only the box's own
            copy goes.
        days: from now; None when it never comes to that.
    """

    record_class: RecordClass
    lost: bool
    days: float | None


def outage_budget(held: Held) -> tuple[Shedding, ...]:
    """The stages in the order in which they are reached, those that hold nothing and grow by nothing left out."""
    growth = sum(held.daily.values())
    over = held.other + sum(held.stages.values()) - held.limit
    earlier, earlier_growth = 0.0, 0.0
    found = []
    for stage in EVERYTHING:
        size, daily = held.stages.get(stage, 0.0), held.daily.get(stage.record_class, 0.0) * _grows(stage)
        if size or daily:
            found.append(Shedding(stage.record_class, stage.needed, _meet(earlier - over, growth - earlier_growth)))
        earlier, earlier_growth = earlier + size, earlier_growth + daily
    return tuple(found)


def _grows(stage: Stage) -> bool:
    """Readings are diagnosed soon and then free to go; the centre, which is away, frees nothing else."""
    return stage.needed is not (stage.record_class is RecordClass.READING)


def _meet(room: float, daily: float) -> float | None:
    """When `room`, used up by so much a day, is gone. Rates that add up to nothing but rounding use up nothing."""
    if room < 0:
        return 0.0
    return room / daily if daily > 1e-6 else None
