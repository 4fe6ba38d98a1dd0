import numpy as np

from agent.sensor_judge import SensorJudge
from agent.store.block import Block
from edge_runtime.quality import Quality, Reason, reason_of
from edge_runtime.reading import Reading
from tests.tiny_agent import MACHINE, SECOND_US

UNMOVED = MACHINE.model_copy(
    update={"sensors": tuple(sensor.model_copy(update={"stuck_below": 0.0}) for sensor in MACHINE.sensors)}
)


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def block(first, last, value=40.0):
    """A reading of TS1 a second."""
    times = range(first * SECOND_US, last * SECOND_US, SECOND_US)
    return Block.of([Reading("TS1", value, Quality.GOOD, time_us, time_us) for time_us in times])


def reasons(judged):
    return reason_of(judged.block.statuses).tolist()


def test_readings_that_could_not_be_stored_are_judged_again_as_if_for_the_first_time():
    judge = SensorJudge(UNMOVED, Clock())
    judge.stored(judge.judge(block(0, 50)))
    first, second = judge.judge(block(50, 70)), judge.judge(block(50, 70))
    assert reasons(first) == reasons(second) == [Reason.NONE] * 10 + [Reason.STUCK] * 10


def test_only_stored_readings_are_counted():
    clock = Clock()
    judge = SensorJudge(MACHINE, clock)
    judged = judge.judge(block(0, 5, value=np.nan))
    for _ in range(3):
        judged = judge.judge(block(0, 5, value=np.nan))
    judge.stored(judged)
    counts = {sensor.sensor: sensor.counts for sensor in judge.health()}
    assert counts["TS1"] == {Reason.NOT_A_NUMBER: 5}


def test_a_sensor_that_was_heard_is_silent_once_it_is_not_heard_for_long():
    clock = Clock()
    judge = SensorJudge(MACHINE, clock)
    for second in range(30):
        clock.now_s = float(second)
        judge.stored(judge.judge(block(second, second + 1)))
    states = {sensor.sensor: sensor.state for sensor in judge.health()}
    assert states == {"PS1": "silent", "EPS1": "silent", "FS1": "silent", "TS1": "good"}
    clock.now_s = 60.0
    assert all(sensor.silent for sensor in judge.health())
