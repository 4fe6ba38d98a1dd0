from edge_runtime.quality import Quality, Reason
from edge_runtime.reading import Reading
from edge_runtime.source_clocks import AHEAD_US, SourceClocks

YEAR_US = 365 * 86_400_000_000


def heard(ahead_us, now_us=1_000):
    return [Reading(name, 1.0, Quality.GOOD, now_us + ahead, now_us) for name, ahead in ahead_us.items()]


def test_a_sensor_a_year_ahead_of_the_others_is_marked_and_says_nothing_of_the_time():
    readings, times = SourceClocks().judge(heard({"PS1": 0, "PS2": -5, "TS1": YEAR_US}))
    assert [one.reason for one in readings] == [Reason.NONE, Reason.NONE, Reason.CLOCK]
    assert [one.quality for one in readings] == [Quality.GOOD, Quality.GOOD, Quality.UNCERTAIN]
    assert times == {1_000, 995}
    assert readings[2].source_time_us == YEAR_US + 1_000


def test_it_is_known_by_what_the_others_said_before():
    clocks = SourceClocks()
    clocks.judge(heard({"PS1": 0, "PS2": 0}))
    assert clocks.judge(heard({"TS1": YEAR_US}))[1] == set()


def test_when_all_are_ahead_it_is_the_box_that_is_behind():
    ahead = heard({"PS1": YEAR_US, "PS2": YEAR_US + 7, "TS1": YEAR_US - 9})
    readings, times = SourceClocks().judge(ahead)
    assert readings == ahead
    assert len(times) == 3


def test_a_sensor_alone_is_believed():
    readings = heard({"PS1": YEAR_US})
    assert SourceClocks().judge(readings) == (readings, {YEAR_US + 1_000})


def test_a_backlog_makes_nobody_run_ahead():
    readings = heard({"PS1": -YEAR_US, "PS2": -YEAR_US, "TS1": AHEAD_US})
    assert SourceClocks().judge(readings)[0] == readings


def test_nothing_heard_says_nothing():
    assert SourceClocks().judge([]) == ([], set())


def test_bad_stays_bad():
    bad = Reading("TS1", 1.0, Quality.BAD, YEAR_US, 0, Reason.DEVICE_FAULT)
    readings, _ = SourceClocks().judge([*heard({"PS1": 0, "PS2": 0}), bad])
    assert readings[2] == bad
