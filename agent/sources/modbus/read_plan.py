"""Which requests fetch a group's registers: as few as the device takes. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.sources.modbus.registers import Entry, RegisterKind

MAX_REGISTERS = 125
"""In one read: the limit of function codes 3 and 4 (Modbus Application Protocol 1.1b3, 6.3)."""

MAX_BITS = 2000
"""In one read: the limit of function codes 1 and 2 (6.1)."""

BITS_A_REGISTER = 16


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How large one read may be, and how many registers that nobody asked for it may bring along.

    Attributes:
        registers: in one read.
        bits: in one read.
        widest_gap: registers between two wanted ones that are read along; 16 bits count as one register.
    """

    registers: int = MAX_REGISTERS
    bits: int = MAX_BITS
    widest_gap: int = 0

    def longest(self, kind: RegisterKind) -> int:
        """Addresses in one read."""
        return self.bits if kind.holds_bits else self.registers

    def gap(self, kind: RegisterKind) -> int:
        """Addresses that are read along."""
        return self.widest_gap * BITS_A_REGISTER if kind.holds_bits else self.widest_gap


@dataclass(frozen=True, slots=True)
class Block:
    """One read request: `count` registers or bits from `address`, and the entries in it, in order of address."""

    kind: RegisterKind
    address: int
    count: int
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Block":
        """The shortest read that fetches entries of one kind, given in order of address."""
        start = entries[0].address
        end = max(entry.address + entry.width for entry in entries)
        return cls(entries[0].kind, start, end - start, tuple(entries))

    @property
    def size(self) -> int:
        """Bytes of content in the answer."""
        return (self.count + 7) // 8 if self.kind.holds_bits else 2 * self.count

    def halves(self) -> tuple["Block", "Block"] | None:
        """The two blocks with half of the entries each; None when there is only one entry."""
        middle = len(self.entries) // 2
        return (Block.of(self.entries[:middle]), Block.of(self.entries[middle:])) if middle else None

    def __str__(self) -> str:
        what = self.kind.value if self.kind.holds_bits else f"{self.kind} register"
        if self.count == 1:
            return f"{what} {self.address}"
        return f"{what}s {self.address} to {self.address + self.count - 1}"


Cut = tuple[RegisterKind, int]
"""No read reaches from before this address to it or beyond."""


def plan_reads(entries: Iterable[Entry], limits: ReadLimits, cuts: Iterable[Cut] = ()) -> tuple[Block, ...]:
    """The fewest reads within the limits that fetch all entries without splitting one."""
    cuts = frozenset(cuts)
    runs: list[list[Entry]] = []
    end = 0
    for entry in sorted(entries, key=lambda entry: (entry.kind, entry.address, entry.width)):
        entry_end = entry.address + entry.width
        first = runs[-1][0] if runs else None
        if (
            first is None
            or entry.kind is not first.kind
            or entry.address - end > limits.gap(entry.kind)
            or max(end, entry_end) - first.address > limits.longest(entry.kind)
            or any(kind is entry.kind and first.address < cut <= entry.address for kind, cut in cuts)
        ):
            runs.append([entry])
            end = entry_end
        else:
            runs[-1].append(entry)
            end = max(end, entry_end)
    return tuple(Block.of(run) for run in runs)


class ReadPlan:
    """The reads of a group, and what was learnt about the device: where it refuses to read across, what it lacks.

    Attributes:
        blocks: the reads.
        missing: entries that the device doesn't have, in no block.
    """

    def __init__(self, entries: Sequence[Entry], limits: ReadLimits) -> None:
        self._entries = tuple(entries)
        self._limits = limits
        self._cuts: set[Cut] = set()
        self._lacking: set[Entry] = set()
        self._plan()

    def cut_before(self, block: Block) -> None:
        """This block and what comes before it can each be read, but not in one request."""
        self._cuts.add((block.kind, block.address))
        self._plan()

    def lacks(self, entry: Entry) -> None:
        """The device has no such register."""
        self._lacking.add(entry)
        self._plan()

    def has(self, entry: Entry) -> None:
        """The device has this register after all."""
        self._lacking.discard(entry)
        self._plan()

    def _plan(self) -> None:
        around = {(entry.kind, entry.address) for entry in self._lacking}
        self.missing = tuple(entry for entry in self._entries if entry in self._lacking)
        wanted = (entry for entry in self._entries if entry not in self._lacking)
        self.blocks = plan_reads(wanted, self._limits, self._cuts | around)
