from itertools import pairwise

import numpy as np
import pytest

from edge_runtime.quality import Quality, Reason, status
from edge_runtime.sensor_health import SensorWatch
from tests.columns import SECOND_US, columns, signal
from tests.models.tiny_bundle import tiny_machine

NAN = status(Quality.BAD, Reason.NOT_A_NUMBER)
IMPLAUSIBLE = status(Quality.UNCERTAIN, Reason.IMPLAUSIBLE)
CLOCK = status(Quality.UNCERTAIN, Reason.CLOCK)


class Sensors:
    """PS1 at 10 readings a second and TS1 at one, watched second by second."""

    def __init__(self):
        self.watch = SensorWatch(tiny_machine(), 0.0)
        self.now_s = 0

    def second(self, found=0, *, share=1.0, without=(), doubts=None):
        """One second in which this share of PS1's readings has the status; gives PS1's health after it."""
        self.now_s += 1
        series = {"PS1": signal(np.ones(10), step_us=SECOND_US // 10), "TS1": signal([40.0])}
        beat = columns({name: item for name, item in series.items() if name not in without})
        statuses = np.zeros(len(beat.values), np.uint8)
        if "PS1" not in without:
            statuses[: round(10 * share)] = found
        self.watch.observe(beat.judged(statuses), float(self.now_s))
        return self.of("PS1", doubts)

    def of(self, sensor, doubts=None):
        return next(one for one in self.watch.health(float(self.now_s), doubts or {}) if one.sensor == sensor)


@pytest.fixture
def sensors():
    return Sensors()


def test_good_readings_make_a_sensor_well(sensors):
    health = sensors.second()
    assert health.well
    assert (health.state, health.message, health.counts) == ("good", "", {})


def test_readings_are_counted_by_reason(sensors):
    sensors.second(NAN, share=0.3)
    assert sensors.second(CLOCK, share=0.2).counts == {Reason.NOT_A_NUMBER: 3, Reason.CLOCK: 2}


def test_a_spike_does_not_make_it_unwell(sensors):
    assert sensors.second(NAN).well
    assert all(sensors.second().well for _ in range(10))


def test_lasting_faults_do_and_it_takes_as_long_to_be_well_again(sensors):
    states = [sensors.second(NAN if 5 <= second < 30 else 0).reason for second in range(80)]
    unwell = [second for second, reason in enumerate(states) if reason is Reason.NOT_A_NUMBER]
    assert unwell == list(range(unwell[0], unwell[-1] + 1))
    assert 8 <= unwell[0] <= 14
    assert 45 <= unwell[-1] <= 60


def test_a_sensor_on_the_edge_does_not_flicker(sensors):
    states = [sensors.second(NAN, share=0.3 if second % 2 else 0.8).reason for second in range(200)]
    assert sum(a is not b for a, b in pairwise(states)) == 1


def test_a_wrong_clock_is_not_the_sensors_fault(sensors):
    assert all(sensors.second(CLOCK).well for _ in range(60))


def test_a_sensor_that_falls_silent_is_told_from_one_that_is_slow(sensors):
    for _ in range(30):
        sensors.second()
    states = [sensors.second(without=("PS1",)).silent for _ in range(15)]
    assert states == [False] * 10 + [True] * 5
    assert not sensors.of("TS1").silent
    assert not sensors.second().silent


def test_a_sensor_that_is_recorded_slower_than_it_could_be_is_not_silent():
    watch = SensorWatch(tiny_machine(), 0.0)
    beat = columns({"PS1": signal([1.0])})
    for minute in range(30):
        watch.observe(beat, 60.0 * minute)
    health = {one.sensor: one for one in watch.health(60.0 * 30, {})}
    assert not health["PS1"].silent
    assert health["TS1"].silent


def test_a_doubted_sensor_says_what_it_contradicts(sensors):
    for _ in range(30):
        health = sensors.second(IMPLAUSIBLE, doubts={"PS1": "pressure rises through valve"})
    assert health.reason is Reason.IMPLAUSIBLE
    assert health.message == "pressure rises through valve"


UNSAID = (Reason.NONE, Reason.CLOCK, Reason.THINNED, Reason.THINNED_EXTREME)


@pytest.mark.parametrize("reason", [one for one in Reason if one not in UNSAID])
def test_every_reason_has_words(sensors, reason):
    for _ in range(30):
        health = sensors.second(status(Quality.BAD, reason))
    assert health.reason is reason
    assert health.message
