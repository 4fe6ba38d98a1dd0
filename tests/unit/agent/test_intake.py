from hypothesis import given
from hypothesis import strategies as st

from agent.intake import Intake
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading


def reading(number):
    return Reading("PS1", float(number), Quality.GOOD, number, number)


def numbers(readings):
    return [one.source_time_us for one in readings]


def test_what_is_taken_is_gone():
    intake = Intake()
    intake.deliver([reading(1), reading(2)])
    assert numbers(intake.take()) == [1, 2]
    assert intake.take() == []


def test_what_is_put_back_stands_before_what_came_since():
    intake = Intake()
    intake.deliver([reading(1), reading(2)])
    taken = intake.take()
    intake.deliver([reading(3)])
    intake.put_back(taken)
    assert numbers(intake.take()) == [1, 2, 3]


def test_past_its_limit_the_oldest_go_and_are_counted():
    intake = Intake(limit=3)
    intake.deliver([reading(n) for n in range(5)])
    assert numbers(intake.take()) == [2, 3, 4]
    assert intake.dropped == 2


@given(st.lists(st.one_of(st.integers(0, 9), st.just("take"), st.just("fail"))), st.integers(1, 20))
def test_every_reading_is_taken_once_in_order_or_counted_as_dropped(steps, limit):
    intake, delivered, stored = Intake(limit), 0, []
    for step in steps:
        if isinstance(step, int):
            intake.deliver([reading(n) for n in range(delivered, delivered + step)])
            delivered += step
        elif step == "take":
            stored += numbers(intake.take())
        else:
            intake.put_back(intake.take())
        assert len(intake) <= limit
    stored += numbers(intake.take())
    assert stored == sorted(set(stored))
    assert len(stored) + intake.dropped == delivered
