"""Sets of whole numbers as ranges: how readings are accounted for without a row for each.

Readings of a boot are numbered without a gap, so a million of them that share a fate are one range of 16 bytes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

Range = tuple[int, int]
"""First and last number, both inclusive."""


@dataclass(frozen=True, slots=True)
class NumberRanges:
    """A set of whole numbers. Made by `of`, which brings any ranges into the one form that equal sets share.

    Attributes:
        ranges: ascending, apart from each other by at least one number.
    """

    ranges: tuple[Range, ...] = ()

    @classmethod
    def of(cls, ranges: Iterable[Range]) -> Self:
        """The union of ranges, which may overlap, touch and come in any order.

        Raises:
            ValueError: a range ends before it begins.
        """
        joined: list[Range] = []
        for first, last in sorted(ranges):
            if last < first:
                raise ValueError(f"range {first}–{last} ends before it begins")
            if joined and first <= joined[-1][1] + 1:
                joined[-1] = joined[-1][0], max(joined[-1][1], last)
            else:
                joined.append((first, last))
        return cls(tuple(joined))

    @classmethod
    def below(cls, end: int) -> Self:
        """All numbers from 0 to end − 1."""
        return cls(((0, end - 1),) if end > 0 else ())

    def __len__(self) -> int:
        """How many numbers; nothing is enumerated."""
        return sum(last - first + 1 for first, last in self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __iter__(self) -> Iterator[Range]:
        """The ranges, not the numbers."""
        return iter(self.ranges)

    def __or__(self, other: "NumberRanges") -> "NumberRanges":
        return NumberRanges.of((*self.ranges, *other.ranges))

    def __sub__(self, other: "NumberRanges") -> "NumberRanges":
        left: list[Range] = []
        taken = iter(other.ranges)
        take = next(taken, None)
        for first, last in self.ranges:
            start = first
            while take and take[1] < start:
                take = next(taken, None)
            while take and take[0] <= last:
                if take[0] > start:
                    left.append((start, take[0] - 1))
                start = take[1] + 1
                if start > last:
                    break
                take = next(taken, None)
            if start <= last:
                left.append((start, last))
        return NumberRanges(tuple(left))

    def __and__(self, other: "NumberRanges") -> "NumberRanges":
        return self - (self - other)

    def __str__(self) -> str:
        """Such as "0–1023, 2048"."""
        return ", ".join(f"{first}–{last}" if last > first else f"{first}" for first, last in self.ranges)
