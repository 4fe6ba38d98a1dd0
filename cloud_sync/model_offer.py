"""What the centre answers a box that asks which of the signed models is for it."""

from enum import StrEnum

import msgspec

OFFER_PATH = "/api/v1/models/offer"


class OfferKind(StrEnum):
    """What a box is to do. One that it doesn't know makes the answer nonsense, and the box stays as it is."""

    NEWEST = "newest"
    """No roll-out was ever made of this model: the highest signed release is for everybody."""
    VERSION = "version"
    """That version, if its release is above all that the box has had."""
    NOTHING = "nothing"
    """Stay with what runs: the machine isn't in a wave that is open."""


class ModelOffer(msgspec.Struct, frozen=True):
    """The answer. It only chooses among what is signed: a box takes nothing that it couldn't take without it.

    `rollout` is the number of the roll-out that decided, 0 where none did.
    """

    model: str
    kind: OfferKind
    version: str = ""
    rollout: int = 0
