"""Ranges of readings' numbers as PostgreSQL's `int8multirange`, whose ranges end before their upper bound."""

from collections.abc import Iterable

from psycopg.types.multirange import Int8Multirange, Multirange
from psycopg.types.range import Range

from cloud_sync.wire import Numbers


def to_multirange(numbers: Iterable[tuple[int, int]]) -> Int8Multirange:
    """Ranges of first and last number, both inclusive."""
    return Int8Multirange([Range(first, last, "[]") for first, last in numbers])


def from_multirange(multirange: Multirange[int]) -> Numbers:
    """What `to_multirange` was given; none of our ranges is without an end."""
    return tuple(
        (item.lower, item.upper - 1) for item in multirange if item.lower is not None and item.upper is not None
    )
