"""How far a value can be trusted, and why not.

Arrays and files hold both in one byte, the *status*: the class in the two low bits, the reason above it. A good value
without anything to say about it is 0.
"""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
_CLASS_BITS = 2
_CLASS_MASK = np.uint8(0b11)


class Quality(IntEnum):
    """OPC UA's three classes. Values of BAD quality never reach a feature."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class Reason(IntEnum):
    """Why a value isn't simply good. The numbers are in files: append only."""

    NONE = 0
    NOT_A_NUMBER = 1
    """The source gave no finite value."""
    DEVICE_FAULT = 2
    """The device answered with an error in place of the value, or marked it as bad itself."""
    OUT_OF_RANGE = 3
    """Outside the sensor's valid range."""
    JUMP = 4
    """Changed faster than the quantity can."""
    STUCK = 5
    """Hasn't changed where noise is expected."""
    FLAT_LINED = 6
    """Rests exactly on an end of its valid range, as a broken wire or a saturated converter does."""
    STALE = 7
    """The source goes on answering but its value is no longer new."""
    IMPLAUSIBLE = 8
    """Contradicts the sensors that it is connected with."""
    CLOCK = 9
    """Stamped by a clock that wasn't known to be right."""
    THINNED = 10
    """The mean of several readings at rest, which it stands for."""
    THINNED_EXTREME = 11
    """The smallest or largest of readings that their mean stands for already."""

    @property
    def words(self) -> str:
        """As a person reads it."""
        return self.name.lower().replace("_", " ")


def status(quality: Quality, reason: Reason = Reason.NONE) -> int:
    """The two as one byte."""
    return int(quality) | int(reason) << _CLASS_BITS


def statuses_of(qualities: UInt8Array, reasons: UInt8Array) -> UInt8Array:
    """Classes and reasons, element by element, as bytes."""
    return qualities | reasons << np.uint8(_CLASS_BITS)


def quality_of(statuses: UInt8Array) -> UInt8Array:
    """The classes (values of `Quality`) of an array of statuses."""
    return statuses & _CLASS_MASK


def reason_of(statuses: UInt8Array) -> UInt8Array:
    """The reasons (values of `Reason`) of an array of statuses."""
    return statuses >> np.uint8(_CLASS_BITS)
