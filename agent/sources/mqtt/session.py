"""What the broker keeps for us until we acknowledge it, over any number of connections. No I/O.

A session that outlives its connection sends what wasn't acknowledged again, with the same number and marked as a
duplicate (MQTT 5.0, section 4.4). What this process has had already is recognised by that and not taken twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from agent.sources.mqtt.message import Message


class Arrival(Enum):
    """What is to be done with a message that needs an acknowledgement."""

    NEW = auto()
    """It hasn't been here before: take it."""
    WAITING = auto()
    """It is being stored already: nothing."""
    STORED = auto()
    """It is stored already: acknowledge it."""


@dataclass(slots=True)
class _Kept:
    content: int
    connection: int
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that were delivered together, as `Session.stored` takes them."""

    session: int
    messages: tuple[int, ...]
    readings: int


class Session:
    """The messages between their arrival and their acknowledgement.

    Attributes:
        messages: delivered and not stored yet.
        readings: in them.
    """

    def __init__(self) -> None:
        self.messages = 0
        self.readings = 0
        self._kept: dict[int, _Kept] = {}
        self._session = 0
        self._connection = 0

    def connected(self, *, resumed: bool) -> None:
        """There is a new connection; `resumed` tells whether the broker still had the session."""
        self._connection += 1
        if not resumed:
            self._session += 1
            self._kept.clear()

    def arrived(self, message: Message) -> Arrival:
        """Note a message that needs an acknowledgement, and say what to do with it."""
        content = hash((message.topic, message.payload))
        kept = self._kept.get(message.number)
        if message.duplicate and kept is not None and kept.content == content:
            if kept.stored:
                del self._kept[message.number]
                return Arrival.STORED
            kept.connection = self._connection
            return Arrival.WAITING
        self._kept[message.number] = _Kept(content, self._connection)
        return Arrival.NEW

    def delivered(self, messages: Sequence[int], readings: int) -> Batch:
        """These new messages, with so many readings in all, are on their way into the store."""
        self.messages += len(messages)
        self.readings += readings
        return Batch(self._session, tuple(messages), readings)

    def stored(self, batch: Batch) -> list[int]:
        """They are durable; gives the numbers to acknowledge now. The rest is acknowledged when it comes again."""
        self.messages -= len(batch.messages)
        self.readings -= batch.readings
        if batch.session != self._session:
            return []
        now: list[int] = []
        for number in batch.messages:
            kept = self._kept.get(number)
            if kept is None:
                continue
            if kept.connection == self._connection:
                del self._kept[number]
                now.append(number)
            else:
                kept.stored = True
        return now
