"""A thousand boxes and one centre that was away: how many knock in the same second."""

import heapq
import random
from collections import Counter
from datetime import UTC, datetime

import pytest

from cloud_sync.edge.gate import Gate, Limits
from cloud_sync.edge.lane import Lane
from cloud_sync.edge.retry import RETRY_POLICY

BOXES = 1000
BATCHES = 24
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def knocks(outage_s: float, end_s: float) -> tuple[Counter[int], Counter[int]]:
    """Requests a second, and boxes that got their first answer, of boxes that started at 0 and found the centre away.

    Each box has a backlog of so many batches, and would send five of them a second if it were alone.
    """
    all_requests, first_answers = Counter[int](), Counter[int]()
    queue: list[tuple[float, int]] = []
    boxes = []
    for number in range(BOXES):
        jitter = random.Random(f"machine-{number}")
        boxes.append((Gate(Limits(), jitter, 0.0), jitter, [0, BATCHES]))
        queue.append((0.0, number))
    heapq.heapify(queue)
    while queue:
        now_s, number = heapq.heappop(queue)
        if now_s > end_s:
            continue
        gate, jitter, state = boxes[number]
        permit = gate.permit(now_s, NOON, 0)
        if Lane.BACKLOG not in permit.lanes:
            assert permit.again_s is not None
            heapq.heappush(queue, (now_s + permit.again_s, number))
            continue
        all_requests[int(now_s)] += 1
        if now_s < outage_s:
            gate.failed(1, now_s)
            state[0] += 1
            heapq.heappush(queue, (now_s + RETRY_POLICY.wait_s(state[0], None, jitter), number))
            continue
        first_answers[int(now_s)] += state[1] == BATCHES
        gate.sent(Lane.BACKLOG, permit.max_bytes, 0.05, now_s)
        state[1] -= 1
        if state[1]:
            heapq.heappush(queue, (now_s + 0.2, number))
    return all_requests, first_answers


@pytest.mark.parametrize("outage_s", [600, 7200])
def test_after_an_outage_boxes_come_back_one_after_the_other(outage_s: int) -> None:
    """Over the cap of the back-off, 300 s: 3.3 boxes a second on average, instead of a thousand at once."""
    requests, first_answers = knocks(outage_s, outage_s + 600)
    assert max(requests[second] for second in range(outage_s - 200, outage_s)) < 30
    assert sum(first_answers.values()) == BOXES
    assert max(first_answers.values()) < 20
    assert max(requests[second] for second in range(outage_s, outage_s + 600)) < 300, "they'd make 5,000 at once"
    assert sum(requests[second] for second in range(outage_s, outage_s + 330)) == BOXES * BATCHES, "and they are done"


def test_boxes_that_start_together_begin_at_different_moments() -> None:
    """As when the power of a whole plant returns."""
    _, first_answers = knocks(0, 60)
    assert sum(first_answers.values()) == BOXES
    assert max(first_answers.values()) < 0.15 * BOXES
