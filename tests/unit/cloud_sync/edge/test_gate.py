"""What may be sent, and when: pure decisions over invented time."""

import random
from datetime import UTC, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.edge.daily_hours import DailyHours
from cloud_sync.edge.gate import LARGEST_BATCH_BYTES, Gate, Limits
from cloud_sync.edge.lane import EVERY_LANE, WITHOUT_BACKLOG, WITHOUT_WINDOWS, Lane

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def gate(**limits: object) -> Gate:
    return Gate(Limits(**{"spread_s": 0.0, **limits}), random.Random(1), 0.0)


def lanes(gate: Gate, now_s: float = 0.0, today: datetime = NOON, sent_today: int = 0) -> tuple[Lane, ...]:
    return gate.permit(now_s, today, sent_today).lanes


def test_without_limits_everything_goes_the_most_urgent_first() -> None:
    assert lanes(gate()) == EVERY_LANE


def test_on_a_metered_network_windows_wait() -> None:
    permit = gate(metered=True).permit(0, NOON, 0)
    assert permit.lanes == WITHOUT_WINDOWS
    assert "centre.metered" in permit.holds[0].why
    assert permit.again_s is None


def test_when_the_days_bytes_are_spent_windows_wait_for_midnight_utc() -> None:
    limited = gate(daily_bytes=1000)
    assert lanes(limited, sent_today=999) == EVERY_LANE
    here = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    permit = limited.permit(0, here, 1000)
    assert permit.lanes == WITHOUT_WINDOWS
    assert permit.again_s == 12 * 3600


def test_the_backlog_keeps_to_its_hours_in_local_time() -> None:
    nights = gate(backlog_hours=DailyHours.parse(["22:00-06:00"]))
    permit = nights.permit(0, NOON, 0)
    assert permit.lanes == WITHOUT_BACKLOG
    assert permit.again_s == 10 * 3600
    assert lanes(nights, today=NOON.astimezone(timezone(timedelta(hours=11)))) == EVERY_LANE


def test_a_rate_holds_back_everything_but_alerts_and_says_for_how_long() -> None:
    limited = gate(max_rate=1000.0)
    limited.sent(Lane.FRESH, 10_000, 0.0, 10.0)
    permit = limited.permit(10.0, NOON, 0)
    assert permit.lanes == (Lane.ALERT,)
    assert permit.again_s == 5.0, "of ten seconds' worth five were saved up"
    assert lanes(limited, 15.1) == EVERY_LANE


@given(st.lists(st.tuples(st.integers(1, 50_000), st.floats(0, 20)), min_size=1, max_size=60))
def test_over_time_the_rate_is_kept(batches: list[tuple[int, float]]) -> None:
    """However the batches come: what was sent is at most the rate, five seconds of it, and one batch over."""
    limited = gate(max_rate=1000.0)
    now_s, sent = 0.0, 0
    for size, pause_s in batches:
        now_s += pause_s
        if Lane.FRESH in lanes(limited, now_s):
            limited.sent(Lane.FRESH, size, 0.0, now_s)
            sent += size
            assert sent <= 1000.0 * (now_s + 5) + size


def test_a_limited_rate_makes_smaller_batches() -> None:
    assert gate(max_rate=2000.0).permit(0, NOON, 0).max_bytes == 10_000


def test_catching_up_begins_with_small_batches_and_grows() -> None:
    box = gate()
    sizes = []
    for _ in range(9):
        sizes.append(box.permit(0, NOON, 0).max_bytes)
        box.sent(Lane.BACKLOG, 1, 0.0, 0.0)
    assert sizes[:3] == [65536, 131072, 262144]
    assert sizes[-1] == LARGEST_BATCH_BYTES
    box.failed(1, 0.0)
    assert box.permit(0, NOON, 0).max_bytes == sizes[0]


def test_the_backlog_leaves_the_store_time_for_the_rest() -> None:
    box = gate(catch_up_share=0.25)
    box.sent(Lane.BACKLOG, 1, 2.0, 100.0)
    assert lanes(box, 105.9) == WITHOUT_BACKLOG
    assert lanes(box, 106.0) == EVERY_LANE


def test_after_a_start_and_after_an_outage_boxes_take_their_turn() -> None:
    box = Gate(Limits(spread_s=10), random.Random("press-7"), 0.0)
    permit = box.permit(0.0, NOON, 0)
    assert permit.lanes == (Lane.ALERT,), "alerts wait for nothing"
    assert 0 < permit.again_s < 10
    assert lanes(box, 10.0) == EVERY_LANE
    box.failed(1, 20.0)
    assert lanes(box, 20.0) == EVERY_LANE, "the next try is any batch"
    box.sent(Lane.DIAGNOSIS, 1, 0.0, 30.0)
    assert lanes(box, 30.0) == WITHOUT_BACKLOG
    assert lanes(box, 40.0) == EVERY_LANE


@pytest.mark.parametrize(
    ("texts", "open_at", "shut_at"),
    [
        (["22:00-06:00"], "23:00 00:00 05:59 22:00", "06:00 21:59 12:00"),
        (["12:00-13:00", "18:00-24:00"], "12:30 18:00 23:59", "13:00 00:00 17:59"),
    ],
)
def test_hours(texts: list[str], open_at: str, shut_at: str) -> None:
    hours = DailyHours.parse(texts)
    for text in open_at.split():
        assert hours.opens_in_s(time.fromisoformat(text)) == 0
    for text in shut_at.split():
        wait_s = hours.opens_in_s(time.fromisoformat(text))
        assert wait_s > 0
        opened = datetime.combine(NOON, time.fromisoformat(text)) + timedelta(seconds=wait_s)
        assert hours.opens_in_s(opened.time()) == 0


@pytest.mark.parametrize("text", ["22-06", "25:00-06:00", "06:00-06:00", "22:00-24:30", "night", ""])
def test_what_spans_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no span of hours"):
        DailyHours.parse([text])
