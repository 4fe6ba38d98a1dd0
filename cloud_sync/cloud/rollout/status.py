"""A roll-out as it stands: its machines, and what is held against it."""

import psycopg
from pydantic import BaseModel

from cloud_sync.cloud.rollout.gate import Judgement, judge
from cloud_sync.cloud.rollout.plan import Rollout
from cloud_sync.cloud.rollout.progress import MachineProgress, Stage, progress, stages
from cloud_sync.cloud.rollout.store import fleet_of_model


class RolloutStatus(BaseModel):
    """One roll-out.

    Attributes:
        fleet: how many machines run the model or have asked for it.
        stages: how many of those in open waves are at which stage, by version.
        machines: those in open waves, by name.
        judgement: whether the next wave may be opened.
    """

    rollout: Rollout
    fleet: int
    stages: dict[str, dict[Stage, int]]
    machines: list[MachineProgress]
    judgement: Judgement

    @property
    def failed(self) -> list[str]:
        """Machines on which a version has failed."""
        return [one.machine for one in self.machines if one.stage is Stage.FAILED]


async def status_of(connection: psycopg.AsyncConnection, rollout: Rollout) -> RolloutStatus:
    """How a roll-out stands now."""
    fleet, now = await fleet_of_model(connection, rollout.model)
    machines = progress(rollout, fleet, now)
    return RolloutStatus(
        rollout=rollout,
        fleet=len(fleet),
        stages=stages(machines),
        machines=machines,
        judgement=judge(rollout, machines, now),
    )
