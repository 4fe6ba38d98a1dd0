"""Which lanes may send now, and if not, why and until when: budgets, hours, and a fleet's slow start. Pure.

Alerts are never held back. What is sent counts against every budget, whichever lane it was of.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud_sync.edge.daily_hours import ALWAYS, DailyHours
from cloud_sync.edge.lane import EVERY_LANE, Lane
from cloud_sync.edge.token_bucket import TokenBucket

LARGEST_BATCH_BYTES = 4 * 2**20
"""Before compression; well below what the centre takes."""
_FIRST_BATCH_BYTES = 64 * 2**10
_BATCH_S = 5.0
"""At a limited rate, a batch takes about so long: as long as an alert may have to wait for it."""
_WINDOWS = (Lane.FRESH, Lane.BACKLOG)
_ALL_BUT_ALERTS = (Lane.DIAGNOSIS, *_WINDOWS)


@dataclass(frozen=True, slots=True)
class Limits:
    """What the uplink may use.

    Attributes:
        max_rate: bytes a second, None for no limit.
        daily_bytes: of a UTC day; when they are spent, windows wait for the next.
        metered: alerts and diagnoses only.
        backlog_hours: when the backlog may go.
        catch_up_share: share of the time for which the backlog may keep the box's store busy.
        spread_s: the first try after a start, and the backlog's after an outage, come at a moment within this long
            that differs from box to box.
    """

    max_rate: float | None = None
    daily_bytes: int | None = None
    metered: bool = False
    backlog_hours: DailyHours = ALWAYS
    catch_up_share: float = 0.25
    spread_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Hold:
    """Lanes that have to wait: why, and how many seconds; None for as long as the settings are what they are."""

    lanes: tuple[Lane, ...]
    why: str
    for_s: float | None


@dataclass(frozen=True, slots=True)
class Permit:
    """What may be sent now.

    Attributes:
        lanes: the first to go first.
        max_bytes: of a new batch, before compression.
        holds: why the other lanes wait.
    """

    lanes: tuple[Lane, ...]
    max_bytes: int
    holds: tuple[Hold, ...]

    @property
    def again_s(self) -> float | None:
        """Seconds until a hold ends."""
        return min((hold.for_s for hold in self.holds if hold.for_s is not None), default=None)


class Gate:
    """Decides what may be sent. Every call is given the time: monotonic seconds, and the box's own date and time.

    Args:
        limits: what may be used.
        jitter: seeded by the machine's name.
        now_s: when the uplink was started.
    """

    def __init__(self, limits: Limits, jitter: random.Random, now_s: float) -> None:
        self._limits = limits
        self._jitter = jitter
        self._bucket = TokenBucket(limits.max_rate, at_s=now_s) if limits.max_rate else None
        self._starts_s = now_s + jitter.uniform(0.0, limits.spread_s)
        self._backlog_from_s = self._starts_s
        self._failed = False
        self._answered = 0

    def permit(self, now_s: float, today: datetime, sent_today: int) -> Permit:
        """What may be sent now. `today` is the box's local time with its zone, `sent_today` bytes of its UTC day."""
        holds = tuple(self._holds(now_s, today, sent_today))
        held = {lane for hold in holds for lane in hold.lanes}
        return Permit(tuple(lane for lane in EVERY_LANE if lane not in held), self._batch_bytes(), holds)

    def sent(self, lane: Lane, size: int, busy_s: float, now_s: float) -> None:
        """A batch was answered; the box's store was busy with it for `busy_s`."""
        self._charge(size, now_s)
        if self._failed:
            self._failed = False
            self._backlog_from_s = now_s + self._jitter.uniform(0.0, self._limits.spread_s)
        self._answered += 1
        if lane is Lane.BACKLOG:
            pause_s = busy_s / self._limits.catch_up_share - busy_s
            self._backlog_from_s = max(self._backlog_from_s, now_s + pause_s)

    def failed(self, size: int, now_s: float) -> None:
        """So much was sent, and no answer came."""
        self._charge(size, now_s)
        self._failed = True
        self._answered = 0

    def _charge(self, size: int, now_s: float) -> None:
        if self._bucket:
            self._bucket = self._bucket.after(size, now_s)

    def _batch_bytes(self) -> int:
        """Small at first after a start or an outage, then twice as large each time (slow start, as TCP's)."""
        largest = LARGEST_BATCH_BYTES
        if self._limits.max_rate:
            largest = min(largest, round(self._limits.max_rate * _BATCH_S))
        return min(largest, _FIRST_BATCH_BYTES << min(self._answered, 16))

    def _holds(self, now_s: float, today: datetime, sent_today: int) -> list[Hold]:
        limits = self._limits
        holds = []
        if now_s < self._starts_s:
            holds.append(Hold(_ALL_BUT_ALERTS, "boxes begin at different moments", self._starts_s - now_s))
        elif now_s < self._backlog_from_s:
            holds.append(Hold((Lane.BACKLOG,), "catching up makes way for the box", self._backlog_from_s - now_s))
        if limits.metered:
            holds.append(Hold(_WINDOWS, "the network is metered (centre.metered)", None))
        if limits.daily_bytes is not None and sent_today >= limits.daily_bytes:
            holds.append(Hold(_WINDOWS, "today's bytes are spent (centre.daily_bytes)", _until_midnight_utc_s(today)))
        if (opens_s := limits.backlog_hours.opens_in_s(today.time())) > 0:
            holds.append(Hold((Lane.BACKLOG,), "the backlog has its hours (centre.backlog_hours)", opens_s))
        if self._bucket and (wait_s := self._bucket.wait_s(now_s)) > 0:
            holds.append(Hold(_ALL_BUT_ALERTS, "the rate is limited (centre.max_rate)", wait_s))
        return holds


def _until_midnight_utc_s(today: datetime) -> float:
    since_epoch = timedelta(seconds=today.timestamp())
    return (timedelta(days=1) - since_epoch % timedelta(days=1)).total_seconds()
