"""What a message says, whatever its format: values of one or several sensors, each with its times."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from edge_runtime.errors import SourceError
from edge_runtime.quality import Quality, Reason

LONGEST_PAYLOAD = 1_048_576
_SHOWN_BYTES = 40


@dataclass(frozen=True, slots=True)
class Samples:
    """Values of one sensor, in order.

    Attributes:
        values: in the sender's unit; NaN where the sender says that it has none.
        times_us: when each was measured, microseconds since 1970 UTC; None when the sender doesn't say.
        name: what the payload calls the sensor; empty when it leaves that to the topic.
        unit: what the payload says the unit is; empty when it says nothing.
        quality: as the sender judges them.
        reason: why, if they aren't good.
    """

    values: Sequence[float]
    times_us: Sequence[int] | None = None
    name: str = ""
    unit: str = ""
    quality: Quality = Quality.GOOD
    reason: Reason = Reason.NONE


Publish = Callable[[str, bytes], None]
"""Sends a payload to a topic, for senders that answer questions."""

Read = Callable[[str, bytes, int], Sequence[Samples]]
"""Takes topic, payload and time of arrival in µs since 1970 UTC; raises SourceError when it isn't understood."""


class PayloadSettings(BaseModel):
    """How to understand the messages of a topic."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def reader(self, publish: Publish) -> Read:
        """What reads these messages in order. A reader may remember what came before on the same connection."""

    @property
    def names_sensors(self) -> bool:
        """Whether a message may carry several sensors and says which."""
        return False


def excerpt(payload: bytes) -> str:
    """The beginning of a payload for a message: as text, or in hex where it isn't text."""
    start = payload[:_SHOWN_BYTES]
    more = "…" if len(payload) > _SHOWN_BYTES else ""
    text = start.decode(errors="replace")
    return f"{text!r}{more}" if text.isprintable() and "\ufffd" not in text else f"0x{start.hex()}{more}"


def check_length(payload: bytes) -> None:
    """Refuse what is longer than any sensor's message.

    Raises:
        SourceError: it is.
    """
    if len(payload) > LONGEST_PAYLOAD:
        raise SourceError(f"payload of {len(payload)} bytes, at most {LONGEST_PAYLOAD} are read")
