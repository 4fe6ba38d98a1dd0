import asyncio

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
    assert numbers(intake.take().readings) == [1, 2]
    assert intake.take().readings == []


def test_what_is_put_back_stands_before_what_came_since():
    intake = Intake()
    intake.deliver([reading(1), reading(2)])
    taken = intake.take()
    intake.deliver([reading(3)])
    intake.put_back(taken)
    assert numbers(intake.take().readings) == [1, 2, 3]


def test_past_its_limit_the_oldest_go_and_are_counted():
    intake = Intake(limit=3)
    intake.deliver([reading(n) for n in range(5)])
    assert numbers(intake.take().readings) == [2, 3, 4]
    assert intake.dropped == 2


def test_senders_hear_in_order_that_their_readings_are_stored():
    intake, heard = Intake(), []
    intake.deliver([reading(1)], lambda: heard.append(1))
    taken = intake.take()
    intake.deliver([reading(2)], lambda: heard.append(2))
    intake.put_back(taken)
    taken = intake.take()
    assert heard == []
    assert numbers(taken.readings) == [1, 2]
    taken.confirm()
    assert heard == [1, 2]


def test_readings_whose_sender_waits_for_them_to_be_stored_are_never_dropped():
    intake = Intake(limit=2)
    intake.deliver([reading(n) for n in range(5)], lambda: None)
    intake.deliver([reading(n) for n in range(5, 10)])
    intake.put_back(intake.take())
    assert len(intake) == 7
    assert numbers(intake.take().secured[0][0]) == [0, 1, 2, 3, 4]
    assert intake.dropped == 3


async def test_who_is_in_a_hurry_is_heard_until_all_is_taken():
    intake = Intake()
    intake.hurry()
    await asyncio.wait_for(intake.hurried(timeout_s=3600), timeout=60)
    intake.take()
    await intake.hurried(timeout_s=0)
    still_waiting = asyncio.create_task(intake.hurried(timeout_s=3600))
    await asyncio.sleep(0)
    assert not still_waiting.done()
    still_waiting.cancel()


@given(
    st.lists(st.one_of(st.integers(0, 9), st.integers(-9, -1), st.just("take"), st.just("fail"))), st.integers(1, 20)
)
def test_every_reading_is_taken_once_in_order_or_counted_as_dropped(steps, limit):
    """A number is a delivery of so many readings, a negative one of readings that the sender wants to hear about."""
    intake, delivered, stored, sent, heard = Intake(limit), 0, [], [], []
    for step in [*steps, "take"]:
        if isinstance(step, int):
            numbered = range(delivered, delivered + abs(step))
            intake.deliver([reading(n) for n in numbered], (lambda n=numbered: heard.extend(n)) if step < 0 else None)
            delivered += abs(step)
            sent += numbered if step < 0 else []
        elif step == "take":
            taken = intake.take()
            assert len(taken.unsecured) <= limit
            stored.append(numbers(taken.readings))
            taken.confirm()
        else:
            intake.put_back(intake.take())
    everything = [number for batch in stored for number in batch]
    assert heard == sent
    assert set(sent) <= set(everything)
    assert len(set(everything)) == len(everything)
    others = [number for number in everything if number not in sent]
    assert others == sorted(others)
    assert len(everything) + intake.dropped == delivered
