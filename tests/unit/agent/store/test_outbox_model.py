"""Whatever happens in whatever order: each record reaches the centre exactly once, or is a dead letter."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.store.store import Store
from cloud_sync.edge.lane import Lane
from tests.stored import MINUTE_US, alert, diagnosis, window

LANES = st.lists(st.sampled_from(Lane), unique=True, max_size=4).map(lambda lanes: sorted(lanes, key=list(Lane).index))


class OutboxMachine(RuleBasedStateMachine):
    """A box, and a centre that takes a batch once by its name, as the real one does."""

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        self.boots = 0
        self.store = None
        self.restart()
        self.recorded = 0
        self.alerts = 0
        self.poison: set[int] = set()
        self.receipts: dict[tuple[str, int], bytes] = {}
        self.sealed: dict[tuple[str, int], bytes] = {}
        self.arrived: list[tuple[str, int]] = []

    @rule()
    def restart(self):
        if self.store:
            self.store.close()
        self.boots += 1
        self.store = Store.open(Path(self.folder.name) / "store.db", f"boot-{self.boots}")

    @rule(count=st.integers(1, 12), alerts=st.booleans(), poison=st.booleans())
    def record(self, count, alerts, poison):
        for _ in range(count):
            minute = self.recorded
            raised = [alert(f"a{minute}", minute)] if alerts else []
            self.store.record(window(minute, samples=6), diagnosis(minute), raised)
            self.recorded += 1
            self.alerts += len(raised)
        if poison:
            self.poison.add(self.recorded - 1)

    @rule(lanes=LANES, max_bytes=st.sampled_from([1, 500, 2**22]), lost=st.booleans())
    def send(self, lanes, max_bytes, lost):
        batch = self.store.next_batch(lanes, max_bytes)
        if batch is None:
            waiting = self.store.lanes()
            assert not any(waiting[lane].records for lane in lanes)
            return
        name = (batch.boot, batch.number)
        assert self.sealed.setdefault(name, batch.body) == batch.body, "sealed under one name, always the same"
        urgent = [lane for lane in lanes if self.store.lanes()[lane].records]
        assert batch.lane is urgent[0]
        opened = batch.opened()
        windows = {item.start_us // MINUTE_US for item in opened.windows}
        if windows & self.poison:
            if not lost:
                self.store.refuse(*name, "no good")
            return
        if name not in self.receipts:
            self.receipts[name] = batch.body
            self.arrived += [("window", minute) for minute in windows]
            self.arrived += [("diagnosis", item.start_us // MINUTE_US) for item in opened.diagnoses]
            self.arrived += [("alert", item.time_us // MINUTE_US) for item in opened.alerts]
        if not lost:
            self.store.acknowledge(*name, len(batch.body))

    @rule()
    def heal_and_retry(self):
        self.poison.clear()
        for letter in self.store.dead_letters():
            self.store.retry_dead_letter(letter.id)

    @invariant()
    def nothing_is_lost_or_twice(self):
        if self.store is None:
            return
        assert len(self.arrived) == len(set(self.arrived))
        waiting = sum(content.records for content in self.store.lanes().values()) + len(self.store.dead_letters())
        assert waiting >= 2 * self.recorded + self.alerts - len(self.arrived)

    def teardown(self):
        """Let everything through: all of it must have arrived, once."""
        if self.store is None:
            return
        self.heal_and_retry()
        while self.store.next_batch() is not None:
            self.send(list(Lane), 2**22, lost=False)
        self.nothing_is_lost_or_twice()
        assert len(self.arrived) == 2 * self.recorded + self.alerts
        assert self.store.losses() == []
        self.store.close()
        self.folder.cleanup()


TestOutbox = OutboxMachine.TestCase
TestOutbox.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
