import pytest

from edge_runtime.baseline.profile import profile
from edge_runtime.baseline.standing import part_words, standing
from edge_runtime.window import ChannelWindow, Window
from tests.models.working_machine import IDLING_W, MACHINE, baseline_of, window_at

BASELINE = baseline_of([window_at(number) for number in range(20)])


def stand(*windows):
    return standing(MACHINE, BASELINE, [profile(window) for window in windows])


def test_a_healthy_machine_stands_where_it_stood():
    found = stand(*(window_at(number) for number in range(100, 105)))
    assert (found.windows, found.compared) == (5, 5)
    assert {item.sensor for item in found.sensors} == set(MACHINE.sensor_index)
    assert {item.words for item in found.sensors} == {"as healthy"}


def test_the_sensor_that_is_furthest_off_comes_first():
    found = stand(*(window_at(number, pressure=158.5, flow=8.9) for number in range(100, 105)))
    first, second = found.sensors[:2]
    assert (first.sensor, first.words) == ("PS1", "unusual" if first.furthest < 6 else "far off")
    assert first.deviation < -5
    assert (first.seen, first.expected) == (pytest.approx(158.5, abs=0.2), pytest.approx(160, abs=0.2))
    assert second.sensor == "FS1"


def test_one_odd_window_of_several_does_not_count():
    found = stand(*(window_at(number) for number in range(100, 104)), window_at(104, pressure=100))
    assert {item.words for item in found.sensors} == {"as healthy"}


def test_a_changed_course_is_told_by_its_part():
    window = window_at(100)
    values = window.channels[0].values.copy()
    values[9:12] -= 20
    bent = Window(window.machine, window.start_us, window.end_us,
                  (ChannelWindow("PS1", 1_000_000, values), *window.channels[1:]))  # fmt: skip
    (first, *_) = stand(bent).sensors
    assert (first.sensor, first.part) == ("PS1", 3)
    assert first.part_deviation < -20 < first.deviation
    assert part_words(3, 60.0) == "9–12 s"


def test_what_was_never_done_when_healthy_is_counted_and_not_compared():
    found = stand(window_at(100), window_at(101, power=IDLING_W), window_at(102, silent=("PS1",)))
    assert (found.windows, found.compared) == (3, 2)
    assert {item.sensor: item.windows for item in found.sensors} == {"PS1": 1, "EPS1": 2, "FS1": 2, "TS1": 2}


def test_nothing_to_compare_gives_no_sensor():
    assert stand(window_at(100, power=IDLING_W)).sensors == ()
    assert stand().windows == 0
