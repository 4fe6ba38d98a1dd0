"""What time it is at the box, said with every batch as it leaves: a sealed batch itself never changes.

Hydrosight-Clock: now=1700000100000000; since=1700000000000000; state=synced
"""

import re
from dataclasses import dataclass
from typing import Self

HEADER = "Hydrosight-Clock"
_FORM = re.compile(r"now=([0-9]{1,18}); since=([0-9]{1,18}); state=([a-z]{1,20})", re.ASCII)


@dataclass(frozen=True, slots=True)
class BoxTime:
    """The box's time, microseconds since 1970.

    Attributes:
        now_us: as the batch is sent.
        since_us: when, by the same time, it was last set; what was stamped before went by another.
        state: how far the box trusts it (`edge_runtime.clock.ClockState`).
    """

    now_us: int
    since_us: int
    state: str

    def header(self) -> str:
        """As a request says it."""
        return f"now={self.now_us}; since={self.since_us}; state={self.state}"

    @classmethod
    def read(cls, header: str | None) -> Self | None:
        """From a request; None where it doesn't say, or not in a form that is known."""
        found = _FORM.fullmatch(header or "")
        return cls(int(found[1]), int(found[2]), found[3]) if found else None
