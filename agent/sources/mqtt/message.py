"""A message from a broker."""

from typing import NamedTuple


class Message(NamedTuple):
    """A message as it was received.

    Attributes:
        topic: where it was published.
        payload: its content.
        number: to acknowledge it by; 0 when it needs no acknowledgement.
        retained: whether it was published before we subscribed, nobody knows when.
        duplicate: whether the broker has sent it before.
    """

    topic: str
    payload: bytes
    number: int = 0
    retained: bool = False
    duplicate: bool = False
