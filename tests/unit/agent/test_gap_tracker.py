from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.gap_tracker import QUIET_US, Beat, GapTracker, Watched
from agent.store.gaps import Gap, GapCause

SECOND = 1_000_000
LIMIT = 5 * SECOND
SENSORS = {"PS1": "plc", "PS2": "plc", "TS1": "rig"}


def tracker(open_gaps=()):
    made = GapTracker(1 + len(open_gaps), open_gaps)
    made.watch({name: Watched(source, LIMIT) for name, source in SENSORS.items()}, 0)
    return made


def beats(tracker, first_s, last_s, heard=tuple(SENSORS), faults=None):
    """A beat a second; all that changed, the latest state of each gap."""
    gaps = {}
    for second in range(first_s, last_s):
        beat = Beat(second * SECOND, dict.fromkeys(heard, second * SECOND), faults or {})
        gaps |= {gap.number: gap for gap in tracker.observe(beat)}
    return gaps


def test_while_all_are_heard_there_is_no_gap():
    assert beats(tracker(), 0, 60) == {}


def test_a_device_that_is_away_makes_one_gap_of_all_its_sensors():
    made = tracker()
    beats(made, 0, 10)
    (gap,) = beats(made, 10, 30, heard=("TS1",), faults={"plc": "plc: no connection"}).values()
    assert gap == Gap(1, GapCause.SOURCE_DOWN, "plc", ("PS1", "PS2"), 9 * SECOND, detail="plc: no connection")
    (over,) = beats(made, 30, 40).values()
    assert (over.number, over.ended_us) == (1, 30 * SECOND)


def test_a_silence_that_the_source_explains_later_has_its_cause():
    made = tracker()
    beats(made, 0, 10)
    (gap,) = beats(made, 10, 20, heard=("TS1",)).values()
    assert gap.cause is GapCause.SILENT
    (gap,) = beats(made, 20, 21, heard=("TS1",), faults={"plc": "no answer"}).values()
    assert (gap.number, gap.cause, gap.detail) == (1, GapCause.SOURCE_DOWN, "no answer")


def test_a_sensor_that_comes_back_before_the_others_ends_its_own_part():
    made = tracker()
    beats(made, 0, 10)
    beats(made, 10, 20, heard=("TS1",))
    gaps = beats(made, 20, 21, heard=("TS1", "PS1"))
    assert [(gap.sensors, gap.began_us, gap.ended_us) for gap in gaps.values()] == [
        (("PS1",), 9 * SECOND, 20 * SECOND),
        (("PS2",), 9 * SECOND, None),
    ]


def test_a_gap_that_a_killed_run_left_open_ends_with_the_first_value():
    left = Gap(1, GapCause.SOURCE_DOWN, "plc", ("PS1", "PS2"), -100 * SECOND)
    made = tracker([left])
    assert beats(made, 0, 60, heard=("TS1",)) == {}
    (over,) = beats(made, 60, 61).values()
    assert (over.number, over.began_us, over.ended_us) == (1, -100 * SECOND, 60 * SECOND)


def test_what_is_counted_is_one_gap_until_it_is_quiet():
    made = tracker()
    overflow = (GapCause.OVERFLOW, "")
    totals = [0, 0, 5, 9, 9, 12] + [12] * (QUIET_US // SECOND + 1)
    gaps = {}
    for second, total in enumerate(totals):
        for gap in made.observe(Beat(second * SECOND, counted={overflow: total}, heard=dict.fromkeys(SENSORS, second))):
            gaps[gap.number] = gap
    (gap,) = [gap for gap in gaps.values() if gap.cause is GapCause.OVERFLOW]
    assert (gap.began_us, gap.ended_us, gap.lost) == (2 * SECOND, 5 * SECOND, 12)


def test_a_store_that_takes_nothing_is_a_gap_until_it_does():
    made = tracker()
    heard = dict.fromkeys(SENSORS, 0)
    (began,) = made.observe(Beat(SECOND, heard, refused="no room left"))
    assert (began.cause, began.detail) == (GapCause.STORE_REFUSED, "no room left")
    assert made.observe(Beat(2 * SECOND, heard, refused="no room left")) == []
    (over,) = made.observe(Beat(3 * SECOND, heard))
    assert (over.began_us, over.ended_us) == (SECOND, 3 * SECOND)


def test_what_lasts_when_the_clock_is_set_goes_by_the_new_time():
    made = tracker()
    beats(made, 0, 10)
    beats(made, 10, 20, heard=("TS1",))
    year = 365 * 86_400
    made.clock_set(year * SECOND)
    (over,) = beats(made, year + 20, year + 21).values()
    assert (over.began_us, over.ended_us) == ((year + 9) * SECOND, (year + 20) * SECOND)


def test_a_gap_from_before_the_agent_was_started_began_by_an_earlier_clock():
    earlier = Gap(1, GapCause.SILENT, "rig", ("TS1",), 7 * SECOND)
    made = tracker([earlier])
    made.clock_set(3600 * SECOND)
    (over,) = beats(made, 3601, 3602).values()
    assert (over.began_us, over.ended_us) == (7 * SECOND, 3601 * SECOND)


@given(st.lists(st.frozensets(st.sampled_from(list(SENSORS))), max_size=60))
def test_every_silence_is_in_one_gap_and_only_silences_are(heard_by_second):
    made = tracker()
    gaps = {}
    heard_at = {name: [0] for name in SENSORS}
    for second, heard in enumerate([*heard_by_second, frozenset(SENSORS)], 1):
        for name in heard:
            heard_at[name].append(second * SECOND)
        for gap in made.observe(Beat(second * SECOND, dict.fromkeys(heard, second * SECOND))):
            gaps[gap.number] = gap
    for name, times in heard_at.items():
        # A silence is noticed in a beat without the sensor: one that ends a limit and a beat later at the earliest.
        silences = [(began, ended) for began, ended in pairwise(times) if ended - began > LIMIT + SECOND]
        assert len([gap for gap in gaps.values() if name in gap.sensors]) == len(silences)
        for began, ended in silences:
            (gap,) = (gap for gap in gaps.values() if name in gap.sensors and gap.ended_us == ended)
            assert gap.began_us <= began


def test_a_sensor_that_nobody_reads_any_more_is_not_missed():
    made = tracker()
    beats(made, 0, 10)
    assert made.watch_only({"PS1", "PS2"}, 10 * SECOND) == []
    assert beats(made, 10, 60, heard=("PS1", "PS2")) == {}


def test_a_silence_ends_for_the_sensors_that_are_not_read_any_more():
    made = tracker()
    beats(made, 0, 10)
    beats(made, 10, 20, heard=("TS1",))
    gaps = made.watch_only({"PS2", "TS1"}, 20 * SECOND)
    assert [(gap.sensors, gap.ended_us) for gap in gaps] == [(("PS1",), 20 * SECOND), (("PS2",), None)]
    (over,) = beats(made, 20, 30, heard=("TS1", "PS2")).values()
    assert (over.sensors, over.ended_us) == (("PS2",), 20 * SECOND)
