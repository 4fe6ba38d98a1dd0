"""Each number counts where it got furthest; what nothing explains is missing."""

from hypothesis import given
from hypothesis import strategies as st

from agent.reconciliation import Reconciliation
from agent.store.accounts import BootAccount, Fate
from cloud_sync.wire import BootLedger, ChannelRecord, IncompleteWindow, Ledger, ReadingRange, WindowRecord
from edge_runtime.number_ranges import NumberRanges

MINUTE_US = 60_000_000


def ranges(*pairs):
    return NumberRanges.of(pairs)


def account(read, *, boot="a", undiagnosed=(), unsent=(), **fates):
    return BootAccount(
        boot,
        0,
        read,
        ranges(*undiagnosed),
        ranges(*unsent),
        {Fate[name]: ranges(*held) for name, held in fates.items()},
    )


def centre(*boots, **more):
    return Ledger("rig", boots, **more)


def record(minute, *readings, boot="a"):
    channels = tuple(ChannelRecord(sensor, 1, b"") for sensor in ("PS1", "TS1"))
    held = tuple(ReadingRange(boot, *item) for item in readings)
    return WindowRecord("rig", minute * MINUTE_US, (minute + 1) * MINUTE_US, channels, held)


def box_with(*records):
    """The windows that the box still has."""

    def windows_of(boot, numbers):
        return [
            one
            for one in records
            if any(item.boot == boot and ranges((item.first, item.last)) & numbers for item in one.readings)
        ]

    return windows_of


def test_everything_at_the_centre():
    found = Reconciliation.of([account(100, WINDOW=[(0, 99)])], centre(BootLedger("a", 2, ((0, 99),))), box_with())
    assert found.perfect
    assert found.verdict == "100 read: 100 at the centre; 0 missing, 0 twice"


def test_what_waits_and_what_has_a_known_fate_is_not_missing():
    held = account(1000, undiagnosed=[(990, 999)], unsent=[(900, 979)], WINDOW=[(0, 979)], LATE=[(980, 989)])
    found = Reconciliation.of([held], centre(BootLedger("a", 9, ((0, 899),))), box_with())
    assert found.perfect
    assert found.verdict == "1,000 read: 900 at the centre, 90 waiting, 10 late; 0 missing, 0 twice"


def test_a_batch_on_its_way_counts_as_arrived_once_it_is_there():
    """The store was asked before the centre: what waited then may have got there since."""
    held = account(100, unsent=[(50, 99)], WINDOW=[(0, 99)])
    found = Reconciliation.of([held], centre(BootLedger("a", 3, ((0, 120),))), box_with())
    assert found.verdict == "100 read: 100 at the centre; 0 missing, 0 twice"


def test_what_was_acknowledged_and_is_gone_is_missing_and_named():
    held = account(300, WINDOW=[(0, 299)])
    windows = (record(0, (0, 99)), record(1, (100, 199)), record(2, (200, 299)))
    ledger = centre(BootLedger("a", 1, ((0, 99),)), incomplete=(IncompleteWindow(MINUTE_US, ("TS1",)),))
    found = Reconciliation.of([held], ledger, box_with(*windows))
    (boot,) = found.boots
    assert (found.missing, boot.missing, boot.unexplained) == (200, ranges((100, 299)), ranges())
    assert [(one.start_us, one.numbers, one.sensors) for one in boot.windows] == [
        (MINUTE_US, ranges((100, 199)), ("PS1",)),
        (2 * MINUTE_US, ranges((200, 299)), ("PS1", "TS1")),
    ]
    assert found.sent_again == ((MINUTE_US, 2 * MINUTE_US), (2 * MINUTE_US, 3 * MINUTE_US))
    assert not found.perfect


def test_what_the_box_no_longer_has_is_missing_by_its_numbers_alone():
    found = Reconciliation.of([account(10, WINDOW=[(0, 9)])], centre(), box_with())
    assert found.boots[0].unexplained == ranges((0, 9))
    assert found.sent_again == ()


def test_windows_without_numbers_at_the_centre_are_not_missing():
    held = account(200, WINDOW=[(0, 199)])
    ledger = centre(BootLedger("a", 1, ((100, 199),)), unaccounted_us=(0,))
    found = Reconciliation.of([held], ledger, box_with(record(0, (0, 99))))
    assert found.perfect
    assert found.verdict == ("200 read: 100 at the centre, 100 not accounted for by the centre; 0 missing, 0 twice")
    assert found.sent_again == ((0, MINUTE_US),)
    assert found.boots[0].windows[0].sensors == ()


def test_what_the_centre_gave_up_has_been_there():
    held = account(100, WINDOW=[(0, 99)])
    found = Reconciliation.of([held], centre(BootLedger("a", 1, ((50, 99),), expired=((0, 49),))), box_with())
    assert found.perfect
    assert found.boots[0].expired == ranges((0, 49))


def test_readings_there_twice_are_counted_also_of_boots_that_the_box_has_forgotten():
    ledger = centre(
        BootLedger("a", 2, ((0, 99),), twice=((10, 19),)), BootLedger("older", 7, ((0, 9),), twice=((3, 3),))
    )
    found = Reconciliation.of([account(100, WINDOW=[(0, 99)])], ledger, box_with())
    assert found.twice == 11
    assert not found.perfect
    assert [boot.boot for boot in found.others] == ["older"]


def test_a_window_that_was_written_off_and_arrived_all_the_same_is_at_the_centre():
    held = account(100, WINDOW=[(0, 49)], REFUSED=[(50, 99)])
    found = Reconciliation.of([held], centre(BootLedger("a", 2, ((0, 99),))), box_with())
    assert found.verdict == "100 read: 100 at the centre; 0 missing, 0 twice"


def test_only_the_boots_asked_for():
    accounts = [account(1, boot="a", WINDOW=[(0, 0)]), account(1, boot="b", WINDOW=[(0, 0)])]
    found = Reconciliation.of(accounts, centre(BootLedger("b", 1, ((0, 0),))), box_with(), ["b"])
    assert [boot.boot for boot in found.boots] == ["b"]
    assert found.perfect


NUMBERS = st.sets(st.integers(0, 30)).map(lambda numbers: NumberRanges.of((one, one) for one in numbers))


@given(st.integers(0, 31), NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_each_reading_is_in_one_column_whatever_the_two_say(read, received, undiagnosed, unsent, late, shed):
    held = BootAccount("a", 0, read, undiagnosed, unsent, {Fate.LATE: late, Fate.SHED: shed})
    found = Reconciliation.of([held], centre(BootLedger("a", 1, received.ranges)), box_with())
    (boot,) = found.boots
    columns = [boot.at_centre, boot.waiting, boot.unaccounted, boot.missing, *boot.fates.values()]
    everything = NumberRanges.below(read)
    assert NumberRanges.of(part for column in columns for part in column) & everything == everything
    assert sum(len(column & everything) for column in columns) == read
