from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cloud_sync.cloud.inference.batcher import Batcher, BatchLimits, Lane, Waiting
from edge_runtime.errors import OverloadedError

LIMITS = BatchLimits(max_batch=4, max_wait_s=0.01, max_waiting=20, patience_s=1.0)
LATE = 1e9


def batcher(**limits: float) -> Batcher[str, int]:
    return Batcher(replace(LIMITS, **limits))


def test_work_waits_for_company_as_long_as_it_may():
    queue = batcher()
    queue.offer(Lane.SINGLE, "model", 1, now_s=5.0, deadline_s=LATE)
    assert queue.take(5.009) == []
    assert queue.next_event_s(worker_free=True) == pytest.approx(5.01)
    assert [item.work for item in queue.take(5.01)] == [1]


def test_a_full_batch_goes_at_once():
    queue = batcher()
    for number in range(5):
        queue.offer(Lane.SINGLE, "model", number, now_s=5.0, deadline_s=LATE)
    assert [item.work for item in queue.take(5.0)] == [0, 1, 2, 3]
    assert queue.take(5.0) == []


def test_while_no_worker_is_free_only_deadlines_matter():
    queue = batcher()
    queue.offer(Lane.SINGLE, "model", 1, now_s=0.0, deadline_s=7.0)
    assert queue.next_event_s(worker_free=False) == 7.0
    assert batcher().next_event_s(worker_free=True) is None


def test_a_batch_is_for_one_model():
    queue = batcher()
    for number, kind in enumerate("abab"):
        queue.offer(Lane.SINGLE, kind, number, now_s=0.0, deadline_s=LATE)
    assert [item.work for item in queue.take(1.0)] == [0, 2]
    assert [item.work for item in queue.take(1.0)] == [1, 3]


def test_single_windows_go_before_ranges():
    queue = batcher()
    queue.offer(Lane.RANGE, "model", 1, now_s=0.0, deadline_s=LATE)
    queue.offer(Lane.SINGLE, "model", 2, now_s=0.5, deadline_s=LATE)
    assert [item.work for item in queue.take(0.6)] == [2]
    assert [item.work for item in queue.take(0.6)] == [1]


def test_a_range_gets_a_turn_in_a_while_however_many_single_windows_come():
    queue = batcher()
    for number in range(20):
        queue.offer(Lane.RANGE, "model", number, now_s=0.0, deadline_s=LATE)
    turns = []
    for beat in range(300):
        now_s = beat / 100
        queue.offer(Lane.SINGLE, "model", beat, now_s=now_s - 0.01, deadline_s=LATE)
        turns.append(queue.take(now_s)[0].lane)
    assert [beat for beat, lane in enumerate(turns) if lane is Lane.RANGE] == [100, 200]


def test_a_full_lane_refuses_and_the_other_does_not():
    queue = batcher(max_waiting=1)
    queue.offer(Lane.RANGE, "model", 1, now_s=0.0, deadline_s=LATE)
    with pytest.raises(OverloadedError, match="1 windows wait"):
        queue.offer(Lane.RANGE, "model", 2, now_s=0.0, deadline_s=LATE)
    queue.offer(Lane.SINGLE, "model", 3, now_s=0.0, deadline_s=LATE)


def test_cancelled_work_is_never_begun():
    queue = batcher()
    waiting = queue.offer(Lane.SINGLE, "model", 1, now_s=0.0, deadline_s=LATE)
    assert queue.cancel(waiting)
    assert not queue.cancel(waiting)
    assert queue.take(9.0) == []


def test_work_past_its_deadline_is_handed_back():
    queue = batcher()
    queue.offer(Lane.SINGLE, "model", 1, now_s=0.0, deadline_s=5.0)
    queue.offer(Lane.SINGLE, "model", 2, now_s=0.0, deadline_s=6.0)
    assert [item.work for item in queue.expire(5.0)] == [1]
    assert [item.work for item in queue.take(5.0)] == [2]


class BatcherMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, work leaves once, in order, in batches of its own kind within the limit."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: Batcher[str, int] = Batcher(LIMITS)
        self.now_s = 0.0
        self.here: dict[int, Waiting[str, int]] = {}
        self.offered = 0

    @rule(lane=st.sampled_from(Lane), kind=st.sampled_from("ab"), within_s=st.floats(0.001, 3))
    def offer(self, lane: Lane, kind: str, within_s: float) -> None:
        self.offered += 1
        try:
            item = self.queue.offer(lane, kind, self.offered, self.now_s, self.now_s + within_s)
        except OverloadedError:
            assert sum(item.lane is lane for item in self.here.values()) == LIMITS.max_waiting
        else:
            self.here[item.work] = item

    @rule(passed_s=st.floats(0.0, 2.0))
    def pass_time(self, passed_s: float) -> None:
        self.now_s += passed_s

    @rule()
    def take(self) -> None:
        batch = self.queue.take(self.now_s)
        assert len(batch) <= LIMITS.max_batch
        assert len({(item.lane, item.kind) for item in batch}) <= 1
        assert [item.work for item in batch] == sorted(item.work for item in batch)
        alike = [i for i in self.here.values() if batch and (i.lane, i.kind) == (batch[0].lane, batch[0].kind)]
        assert [item.work for item in batch] == [item.work for item in alike][: len(batch)]
        for item in batch:
            del self.here[item.work]

    @rule()
    def look_when_told(self) -> None:
        """At the time that it names, with a worker free, something happens."""
        event_s = self.queue.next_event_s(worker_free=True)
        assert (event_s is None) == (not self.here)
        if event_s is not None:
            self.now_s = max(self.now_s, event_s)
            late, batch = self.queue.expire(self.now_s), self.queue.take(self.now_s)
            assert late or batch
            for item in (*late, *batch):
                del self.here[item.work]

    @rule()
    def expire(self) -> None:
        late = {item.work for item in self.queue.expire(self.now_s)}
        assert late == {work for work, item in self.here.items() if item.deadline_s <= self.now_s}
        for work in late:
            del self.here[work]

    @precondition(lambda self: self.here)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        assert self.queue.cancel(self.here.pop(data.draw(st.sampled_from(sorted(self.here)))))

    @invariant()
    def counts_what_is_here(self) -> None:
        for lane in Lane:
            assert self.queue.waiting(lane) == sum(item.lane is lane for item in self.here.values())


TestBatcher = BatcherMachine.TestCase
TestBatcher.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
