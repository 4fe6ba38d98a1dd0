"""Which windows are diagnosed together, and when. Pure: the time comes in as an argument, nothing waits in here.

Work waits in two lanes. Single windows, for which somebody waits, go before those of long ranges, which get a
turn all the same once none had one for `patience_s`. A batch is of one kind of work (one model), in the order
of arrival. It goes out when it is full or its oldest work has waited for `max_wait_s`; while all workers are busy it
grows by itself, so the wait only matters where a larger batch pays, as on a GPU.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Generic, TypeVar

from edge_runtime.errors import OverloadedError

BOTTLENECK = "inference queue"
"""What refusals for load name."""

Kind = TypeVar("Kind", bound=Hashable)
Work = TypeVar("Work")


class Lane(IntEnum):
    """Who waits; the smaller goes first."""

    SINGLE = 0
    RANGE = 1


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What a batcher keeps to.

    Attributes:
        max_batch: works of a batch at most.
        max_wait_s: how long work waits for company while a worker is free.
        max_waiting: works that wait in one lane at most; more are refused.
        patience_s: how long ranges give way to singles.
    """

    max_batch: int
    max_wait_s: float
    max_waiting: int
    patience_s: float


@dataclass(frozen=True, slots=True)
class Waiting(Generic[Kind, Work]):
    """Work in a queue; `since_s` and `deadline_s` are on the clock of whoever calls."""

    number: int
    lane: Lane
    kind: Kind
    work: Work
    since_s: float
    deadline_s: float


class Batcher(Generic[Kind, Work]):
    """Queues of work. Every work that was offered leaves in exactly one way: in a batch, expired, or cancelled."""

    def __init__(self, limits: BatchLimits) -> None:
        self._limits = limits
        self._lanes: dict[Lane, OrderedDict[int, Waiting[Kind, Work]]] = {lane: OrderedDict() for lane in Lane}
        self._offered = 0
        self._range_served_s = float("-inf")

    def waiting(self, lane: Lane) -> int:
        """How much waits in a lane."""
        return len(self._lanes[lane])

    def offer(self, lane: Lane, kind: Kind, work: Work, now_s: float, deadline_s: float) -> Waiting[Kind, Work]:
        """Let work wait its turn, until its deadline.

        Raises:
            OverloadedError: the lane is full.
        """
        if self.waiting(lane) >= self._limits.max_waiting:
            raise OverloadedError(
                f"{self.waiting(lane)} windows wait to be diagnosed, no more are taken",
                hint="Try again later, or run more servers.",
                bottleneck=BOTTLENECK,
            )
        self._offered += 1
        waiting = Waiting(self._offered, lane, kind, work, now_s, deadline_s)
        self._lanes[lane][waiting.number] = waiting
        return waiting

    def cancel(self, waiting: Waiting[Kind, Work]) -> bool:
        """Forget work that nobody waits for any more; False when it isn't waiting."""
        return self._lanes[waiting.lane].pop(waiting.number, None) is not None

    def expire(self, now_s: float) -> list[Waiting[Kind, Work]]:
        """Take out what wasn't begun by its deadline."""
        late = [item for lane in self._lanes.values() for item in lane.values() if item.deadline_s <= now_s]
        for item in late:
            self.cancel(item)
        return late

    def take(self, now_s: float) -> list[Waiting[Kind, Work]]:
        """The batch for a worker that is free now; empty while there is none to run yet."""
        for lane in self._order(now_s):
            batch = self._ready(lane, now_s)
            if batch:
                for item in batch:
                    self.cancel(item)
                if lane is Lane.RANGE:
                    self._range_served_s = now_s
                return batch
        return []

    def next_event_s(self, *, worker_free: bool) -> float | None:
        """When to look again if nothing comes in before: at a deadline, or when a free worker's batch has waited."""
        lanes = [lane.values() for lane in self._lanes.values() if lane]
        events = [item.deadline_s for lane in lanes for item in lane]
        if worker_free:
            events += [next(iter(lane)).since_s + self._limits.max_wait_s for lane in lanes]
        return min(events, default=None)

    def _order(self, now_s: float) -> tuple[Lane, ...]:
        """Which lane goes first: singles, unless there are none or ranges have given way for long enough."""
        ranges = self._lanes[Lane.RANGE]
        if ranges:
            waits_since_s = max(next(iter(ranges.values())).since_s, self._range_served_s)
            if now_s >= waits_since_s + self._limits.patience_s:
                return Lane.RANGE, Lane.SINGLE
        return Lane.SINGLE, Lane.RANGE

    def _ready(self, lane: Lane, now_s: float) -> list[Waiting[Kind, Work]]:
        """What would go out together from this lane, if it is enough or has waited enough."""
        queue = self._lanes[lane].values()
        if not queue:
            return []
        first = next(iter(queue))
        batch = list(islice((item for item in queue if item.kind == first.kind), self._limits.max_batch))
        enough = len(batch) == self._limits.max_batch or now_s >= first.since_s + self._limits.max_wait_s
        return batch if enough else []
