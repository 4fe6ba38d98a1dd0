"""Messages against a broker that is played by the test: it sends again what wasn't acknowledged."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.sources.mqtt.message import Message
from agent.sources.mqtt.session import Arrival, Session


def message(number, content=b"1", *, again=False):
    return Message("rig/S", content, number, duplicate=again)


def connected(*, resumed=False):
    session = Session()
    session.connected(resumed=resumed)
    return session


def test_a_message_is_acknowledged_once_it_is_stored():
    session = connected()
    assert session.arrived(message(1)) is Arrival.NEW
    batch = session.delivered([1], readings=3)
    assert (session.messages, session.readings) == (1, 3)
    assert session.stored(batch) == [1]
    assert (session.messages, session.readings) == (0, 0)


def test_what_was_stored_while_we_were_away_is_acknowledged_when_it_comes_again():
    session = connected()
    session.arrived(message(1))
    batch = session.delivered([1], 1)
    session.connected(resumed=True)
    assert session.stored(batch) == []
    assert session.arrived(message(1, again=True)) is Arrival.STORED
    assert session.arrived(message(1)) is Arrival.NEW


def test_what_comes_again_before_it_is_stored_is_not_taken_twice():
    session = connected()
    session.arrived(message(1))
    batch = session.delivered([1], 1)
    session.connected(resumed=True)
    assert session.arrived(message(1, again=True)) is Arrival.WAITING
    assert session.stored(batch) == [1]


def test_a_new_session_gives_the_numbers_to_other_messages():
    session = connected()
    session.arrived(message(1))
    batch = session.delivered([1], 1)
    session.connected(resumed=False)
    assert session.arrived(message(1, b"2")) is Arrival.NEW
    assert session.stored(batch) == []
    assert session.messages == 0


def test_what_a_former_run_of_the_agent_was_sent_is_new():
    assert connected(resumed=True).arrived(message(1, again=True)) is Arrival.NEW


class BrokerAndSession(RuleBasedStateMachine):
    """Every message is stored at least once; none is acknowledged before; none twice while the session lasts."""

    def __init__(self):
        super().__init__()
        self.session = connected()
        self.unacknowledged = {}
        self.delivered = []
        self.stored = []
        self.published = 0

    @rule(count=st.integers(1, 3))
    def publish(self, count):
        new = []
        for _ in range(count):
            self.published += 1
            number = next(n for n in range(1, 100) if n not in self.unacknowledged)
            content = str(self.published).encode()
            self.unacknowledged[number] = content
            assert self.session.arrived(message(number, content)) is Arrival.NEW
            new.append((number, content))
        batch = self.session.delivered([number for number, _ in new], len(new))
        self.delivered.append((batch, [content for _, content in new]))

    @rule()
    def reconnect(self):
        self.session.connected(resumed=True)
        for number, content in list(self.unacknowledged.items()):
            arrival = self.session.arrived(message(number, content, again=True))
            assert arrival is (Arrival.STORED if content in self.stored else Arrival.WAITING)
            if arrival is Arrival.STORED:
                del self.unacknowledged[number]

    @precondition(lambda self: self.delivered)
    @rule(resend_first=st.booleans())
    def store(self, resend_first):
        batch, contents = self.delivered.pop(0)
        if not resend_first:
            self.session.connected(resumed=True)
        self.stored += contents
        for number in self.session.stored(batch):
            assert self.unacknowledged.pop(number) in contents
        if not resend_first:
            for number, content in list(self.unacknowledged.items()):
                if self.session.arrived(message(number, content, again=True)) is Arrival.STORED:
                    assert content in self.stored
                    del self.unacknowledged[number]

    @invariant()
    def counts_are_right(self):
        assert self.session.messages == sum(len(contents) for _, contents in self.delivered)
        assert len(self.stored) == len(set(self.stored))
        assert {content for content in self.unacknowledged.values() if content not in self.stored} == {
            content for _, contents in self.delivered for content in contents
        }


TestBrokerAndSession = BrokerAndSession.TestCase
TestBrokerAndSession.settings = settings(max_examples=50, stateful_step_count=20)
