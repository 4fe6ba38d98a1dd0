"""The box's account of its readings against the centre's: whether each is there once, waits, or has a known fate.

Pure. A number counts where it got furthest: at the centre, else waiting, else by what became of it on the box. What
none of these explains is missing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from agent.store.accounts import BootAccount, Fate
from cloud_sync.wire import BootLedger, Ledger, WindowRecord
from edge_runtime.number_ranges import NumberRanges

NOTHING = NumberRanges()
WindowsOf = Callable[[str, NumberRanges], Sequence[WindowRecord]]
"""The windows that the box still has which hold any of these readings of a boot."""


@dataclass(frozen=True, slots=True)
class MissingWindow:
    """A window with readings that the centre should have and hasn't, or doesn't know that it has.

    Attributes:
        boot: that the readings are of.
        start_us: when it starts.
        end_us: when it ends.
        numbers: of those readings.
        sensors: channels that the centre lacks; none where it only lacks the numbers.
    """

    boot: str
    start_us: int
    end_us: int
    numbers: NumberRanges
    sensors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BootReconciliation:
    """The readings of one boot: `read` is the sum of all others but `twice` and `expired`, which are parts of them.

    Attributes:
        boot: its name.
        opened_us: when it began, by the box's clock.
        read: how many.
        at_centre: there, once or more often.
        expired: of those, in windows that the centre has given up since.
        waiting: not yet diagnosed, or diagnosed and not acknowledged.
        fates: never in a window at the centre, by why.
        unaccounted: in windows that are at the centre, which doesn't know what readings they hold.
        missing: should be at the centre and aren't.
        twice: in more than one window there.
        windows: the windows of what is missing or not accounted for, as far as the box still has them.
    """

    boot: str
    opened_us: int
    read: int
    at_centre: NumberRanges
    expired: NumberRanges
    waiting: NumberRanges
    fates: Mapping[Fate, NumberRanges]
    unaccounted: NumberRanges
    missing: NumberRanges
    twice: NumberRanges
    windows: tuple[MissingWindow, ...]

    @classmethod
    def of(cls, account: BootAccount, ledger: Ledger, windows_of: WindowsOf) -> Self:
        """Compare one boot. `account` must have been taken before `ledger`."""
        held = next((boot for boot in ledger.boots if boot.boot == account.boot), BootLedger(account.boot, 0, ()))
        everything = NumberRanges.below(account.read)
        expired = NumberRanges.of(held.expired) & everything
        at_centre = (NumberRanges.of(held.received) & everything) | expired
        waiting = (account.undiagnosed | account.unsent) - at_centre
        rest = everything - at_centre - waiting
        fates: dict[Fate, NumberRanges] = {}
        for fate, numbers in account.fates.items():
            if fate is not Fate.WINDOW and (here := numbers & rest):
                fates[fate] = here
                rest -= here
        windows = windows_of(account.boot, rest) if rest else ()
        without_numbers = set(ledger.unaccounted_us)
        unaccounted = _in(account.boot, (one for one in windows if one.start_us in without_numbers)) & rest
        missing = rest - unaccounted
        return cls(
            account.boot,
            account.opened_us,
            account.read,
            at_centre,
            expired,
            waiting,
            fates,
            unaccounted,
            missing,
            NumberRanges.of(held.twice),
            tuple(_missing_windows(account.boot, rest, windows, ledger)),
        )

    @property
    def unexplained(self) -> NumberRanges:
        """Of what is missing, what is in no window that the box still has."""
        return self.missing - NumberRanges.of(part for window in self.windows for part in window.numbers)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """All boots of a box.

    Attributes:
        machine: as the centre calls it.
        boots: the oldest first.
        others: boots that the centre knows and this box's store doesn't: of a box or a store before it.
    """

    machine: str
    boots: tuple[BootReconciliation, ...]
    others: tuple[BootLedger, ...]

    @classmethod
    def of(
        cls, accounts: Sequence[BootAccount], ledger: Ledger, windows_of: WindowsOf, boots: Collection[str] = ()
    ) -> Self:
        """Compare every boot, or only those named."""
        known = {account.boot for account in accounts}
        return cls(
            ledger.machine,
            tuple(BootReconciliation.of(one, ledger, windows_of) for one in accounts if not boots or one.boot in boots),
            tuple(boot for boot in ledger.boots if boot.boot not in known and not boots),
        )

    @property
    def missing(self) -> int:
        """Readings that should be at the centre and aren't."""
        return sum(len(boot.missing) for boot in self.boots)

    @property
    def twice(self) -> int:
        """Readings in more than one window at the centre."""
        return sum(len(boot.twice) for boot in self.boots) + sum(
            len(NumberRanges.of(boot.twice)) for boot in self.others
        )

    @property
    def perfect(self) -> bool:
        """Nothing is missing and nothing is there twice."""
        return not self.missing and not self.twice

    @property
    def verdict(self) -> str:
        """One line, such as "1,000 read: 900 at the centre, 100 waiting; 0 missing, 0 twice"."""
        parts = [
            (sum(len(boot.at_centre) for boot in self.boots), "at the centre"),
            (sum(len(boot.waiting) for boot in self.boots), "waiting"),
            *((sum(len(boot.fates.get(fate, NOTHING)) for boot in self.boots), fate.value) for fate in Fate),
            (sum(len(boot.unaccounted) for boot in self.boots), "not accounted for by the centre"),
        ]
        said = ", ".join(f"{count:,} {what}" for count, what in parts if count or what == "at the centre")
        read = sum(boot.read for boot in self.boots)
        return f"{read:,} read: {said}; {self.missing:,} missing, {self.twice:,} twice"

    @property
    def sent_again(self) -> tuple[tuple[int, int], ...]:
        """Start and end of the windows that the box can send again to fill what is missing."""
        return tuple(sorted({(window.start_us, window.end_us) for boot in self.boots for window in boot.windows}))


def _in(boot: str, windows: Iterable[WindowRecord]) -> NumberRanges:
    """Numbers of a boot's readings in these windows."""
    return NumberRanges.of(
        (item.first, item.last) for window in windows for item in window.readings if item.boot == boot
    )


def _missing_windows(
    boot: str, missing: NumberRanges, windows: Sequence[WindowRecord], ledger: Ledger
) -> Sequence[MissingWindow]:
    present = {window.start_us: window.sensors for window in ledger.incomplete}
    whole = set(ledger.unaccounted_us)
    found = []
    for window in windows:
        if numbers := _in(boot, [window]) & missing:
            there = present.get(window.start_us, ())
            sensors = () if window.start_us in whole else tuple(channel.sensor for channel in window.channels)
            lacking = tuple(sensor for sensor in sensors if sensor not in there)
            found.append(MissingWindow(boot, window.start_us, window.end_us, numbers, lacking))
    return found
