"""Hours of the day, such as 22:00-06:00: when something may happen, and how long until it may."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time
from typing import Self

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]|24):([0-5]\d)")
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class DailyHours:
    """Spans of every day as (first second, second after the last), counted from midnight; none at all: always."""

    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Self:
        """From texts like "22:00-06:00"; one that ends before it begins goes past midnight.

        Raises:
            ValueError: a text isn't of that form, or spans nothing.
        """
        spans = []
        for text in texts:
            match = _SPAN.fullmatch(text)
            if match is None:
                raise ValueError(f"{text!r} is no span of hours: write it as 22:00-06:00")
            begin_h, begin_min, end_h, end_min = map(int, match.groups())
            begin, end = begin_h * 3600 + begin_min * 60, end_h * 3600 + end_min * 60
            if end > _DAY_S or begin == end:
                raise ValueError(
                    f"{text!r} is no span of hours: it ends at 24:00 at the latest, and after its beginning"
                )
            spans += [(begin, end)] if begin < end else [(begin, _DAY_S), (0, end)]
        return cls(tuple(spans))

    def opens_in_s(self, at: time) -> float:
        """Seconds until the next span begins; 0 within one."""
        now = at.hour * 3600 + at.minute * 60 + at.second + at.microsecond / 1e6
        if not self.spans or any(begin <= now < end for begin, end in self.spans):
            return 0.0
        return min((begin - now) % _DAY_S for begin, _ in self.spans)


ALWAYS = DailyHours()
