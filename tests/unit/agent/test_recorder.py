import asyncio
import threading
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from agent.core import CoreThread
from agent.intake import Intake
from agent.models import Models
from agent.recorder import ATTEMPTS_A_WINDOW, Recorder
from agent.status import AgentStatus
from agent.store.retention import Retention
from agent.store.store import Store
from edge_runtime.errors import BackendError, BundleError, StoreError, StoreFullError, UpdateError
from edge_runtime.quality import Reason
from edge_runtime.slots import Slots
from tests.tiny_agent import MACHINE, make_pipeline, minutes


class Box:
    """A recorder over a real pipeline and store, whose steps can be made to fail."""

    def __init__(self, pipeline, models, core, store):
        self.core = core
        self.store = store
        self.pipeline = pipeline
        self.models = models
        self.intake = Intake(limit=10_000)
        self.status = AgentStatus()
        self.heard = []
        self.recorder = Recorder(core, pipeline, self.intake, models, self.status, [self.heard.append])

    def condition(self, part):
        return self.status.snapshot().conditions[part]

    async def beats(self, count=1):
        """What was said about the parts during these beats."""
        with capture_logs() as said:
            for _ in range(count):
                await self.recorder.beat()
        return [(line["part"], line["event"]) for line in said if "part" in line]


@pytest.fixture
async def box(failed_bundle, tmp_path):
    core = CoreThread()
    models = Models(MACHINE, Slots(tmp_path / "models"), failed_bundle, threads=1, probation_windows=2)
    # The store belongs to the thread that opened it.
    store = await core.call(Store.open, tmp_path / "store.db", "boot", retention=Retention(min_free_bytes=0))
    pipeline = await core.call(lambda: make_pipeline(store, models.start(), raise_after=1))
    box = Box(pipeline, models, core, store)
    box.status.report("store", healthy=True, message="open")
    box.status.report("model", healthy=True, message="loaded")
    yield box
    await core.call(store.close)
    core.close()


def failing(error, times=1_000):
    """A function that raises, so many times."""
    left = [times]

    def fail(*_args, **_options):
        if left[0]:
            left[0] -= 1
            raise error

    return fail


async def test_what_arrives_is_stored_diagnosed_and_told(box):
    box.intake.deliver(minutes(0, 1))
    await box.recorder.beat()
    snapshot = box.status.snapshot()
    assert snapshot.readings == len(minutes(0, 1))
    assert snapshot.windows == 1
    assert snapshot.alerts == 3
    assert [outcome.diagnosis for outcome in box.heard] == [snapshot.last_diagnosis]
    assert box.status.silent_tasks(60) == []


async def test_how_the_sensors_are_is_told_with_every_beat(box):
    bad = [replace(one, value=float("nan")) if one.sensor == "TS1" else one for one in minutes(0, 1)]
    box.intake.deliver(bad)
    await box.recorder.beat()
    sensors = {sensor.sensor: sensor for sensor in box.status.snapshot().sensors}
    assert sensors["TS1"].counts == {Reason.NOT_A_NUMBER: sum(one.sensor == "TS1" for one in bad)}
    assert sensors["PS1"].counts == {}


async def test_while_nothing_can_be_stored_no_sensor_is_called_silent(box, monkeypatch):
    box.intake.deliver(minutes(0, 1))
    await box.recorder.beat()
    before = box.status.snapshot().sensors
    box.intake.deliver(minutes(2, 3))
    monkeypatch.setattr(box.pipeline, "store_readings", failing(StoreFullError("no room")))
    monkeypatch.setattr(box.pipeline, "sensor_health", lambda: ())
    await box.recorder.beat()
    assert box.status.snapshot().sensors is before


async def test_a_store_that_fails_is_reported_once_and_no_reading_is_lost(box, monkeypatch):
    box.intake.deliver(minutes(0, 1))
    with monkeypatch.context() as patch:
        patch.setattr(box.pipeline, "store_readings", failing(StoreFullError("no room", hint="make room")))
        said = await box.beats(3)
    assert said == [("store", "part_failed")]
    assert box.condition("store").hint == "make room"
    assert len(box.intake) == len(minutes(0, 1))
    said = await box.beats(2)
    assert said.count(("store", "part_recovered")) == 1
    assert box.status.snapshot().readings == len(minutes(0, 1))
    assert box.condition("store").message == "stores readings"


async def test_a_defect_costs_no_reading_the_first_time_and_does_not_hold_up_the_rest(box, monkeypatch):
    monkeypatch.setattr(box.pipeline, "store_readings", failing(ZeroDivisionError(), 1), raising=True)
    box.intake.deliver(minutes(1, 2))
    with pytest.raises(ZeroDivisionError):
        await box.recorder.beat()
    assert len(box.intake) == len(minutes(1, 2))
    monkeypatch.setattr(box.pipeline, "store_readings", failing(ZeroDivisionError(), 2), raising=True)
    with pytest.raises(ZeroDivisionError):
        await box.recorder.beat()
    assert len(box.intake) == 0
    monkeypatch.undo()
    box.intake.deliver(minutes(2, 3))
    await box.recorder.beat()
    assert (await box.core.call(box.store.statistics)).readings == len(minutes(2, 3))


async def test_senders_hear_only_of_what_is_stored(box, monkeypatch):
    heard = []
    box.intake.deliver(minutes(0, 1), lambda: heard.append(box.status.snapshot().readings))
    with monkeypatch.context() as patch:
        patch.setattr(box.pipeline, "store_readings", failing(StoreFullError("no room")))
        await box.beats(2)
    assert heard == []
    await box.beats(2)
    assert heard == [len(minutes(0, 1))]


async def test_a_source_in_a_hurry_does_not_wait_for_the_next_beat(box):
    recorder = asyncio.create_task(box.recorder.run(interval_s=3600))
    await asyncio.sleep(0)
    for _ in range(3):
        stored = asyncio.Event()
        box.intake.deliver(minutes(0, 1), stored.set)
        box.intake.hurry()
        await asyncio.wait_for(stored.wait(), timeout=60)
    recorder.cancel()
    await asyncio.wait([recorder])


async def test_what_was_being_stored_when_the_end_came_is_stored(box):
    busy = threading.Event()
    other_work = asyncio.create_task(box.core.call(busy.wait))
    box.intake.deliver(minutes(0, 1))
    beat = asyncio.create_task(box.recorder.beat())
    await asyncio.sleep(0)
    beat.cancel()
    await asyncio.wait([beat])
    busy.set()
    await other_work
    await box.recorder.drain()
    assert await box.core.call(box.store.newest_source_time) == minutes(0, 1)[-1].source_time_us


async def test_readings_that_had_to_be_dropped_are_counted_when_it_is_over(box, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(box.pipeline, "store_readings", failing(StoreFullError("no room")))
        for _ in range(60):
            box.intake.deliver(minutes(0, 1))
            await box.recorder.beat()
    lost = box.intake.dropped
    assert lost > 0
    await box.recorder.beat()
    assert box.condition("store").message == f"stores readings again; {lost} were lost while it could not"


async def test_a_window_that_cannot_be_recorded_is_reported_once_and_tried_again(box, monkeypatch):
    box.intake.deliver(minutes(0, 1))
    with monkeypatch.context() as patch:
        patch.setattr(box.pipeline, "diagnose_next", failing(StoreError("disk error")))
        said = await box.beats(3)
    assert said == [("store", "part_failed")]
    await box.recorder.beat()
    assert box.status.snapshot().windows == 1
    assert box.condition("store").healthy


async def test_while_readings_go_in_and_windows_do_not_the_store_stays_reported(box, monkeypatch):
    """On a disk that is nearly full: appending succeeds, recording doesn't."""
    box.intake.deliver(minutes(0, 1))
    with monkeypatch.context() as patch:
        patch.setattr(box.pipeline, "diagnose_next", failing(StoreFullError("no room")))
        said = []
        for minute in range(2, 6):
            box.intake.deliver(minutes(minute, minute + 1))
            said += await box.beats()
    assert said == [("store", "part_failed")]


async def test_a_model_that_fails_outside_probation_is_reported_once_and_tried_again(box, monkeypatch):
    box.intake.deliver(minutes(0, 1))
    with monkeypatch.context() as patch:
        patch.setattr(box.pipeline, "diagnose_next", failing(BackendError("engine failed", hint="see doctor")))
        said = await box.beats(3)
    assert said == [("model", "part_failed")]
    said = await box.beats()
    assert ("model", "part_recovered") in said
    assert box.status.snapshot().windows == 1


async def test_a_window_that_no_attempt_gets_through_makes_way_for_the_next(box, monkeypatch):
    box.intake.deliver(minutes(0, 3))
    diagnose = box.pipeline.diagnoser.diagnose

    def fails_on_the_first(window, *more):
        if window.start_us == 0:
            raise BackendError("NaN", hint="")
        return diagnose(window, *more)

    monkeypatch.setattr(box.pipeline.diagnoser, "diagnose", fails_on_the_first)
    await box.beats(ATTEMPTS_A_WINDOW - 1)
    assert box.heard == []
    await box.beats(2)
    assert [outcome.window.start_us for outcome in box.heard] == [60_000_000, 120_000_000]
    assert box.condition("model").healthy


async def test_a_model_that_fails_on_probation_makes_way_for_the_former_one(box, monkeypatch, tmp_path):
    former = box.pipeline.diagnoser
    taken = []
    monkeypatch.setattr(box.models, "fall_back", lambda reason: taken.append(reason) or former)
    monkeypatch.setattr(box.pipeline, "diagnose_next", failing(BackendError("engine failed"), times=1))
    used = []
    monkeypatch.setattr(box.pipeline, "use", used.append)
    await box.beats(2)
    assert taken == ["engine failed"]
    assert used == [former]


@pytest.mark.parametrize("error", [BundleError("damaged"), BackendError("no engine"), UpdateError("disk full")])
async def test_without_a_way_back_it_says_so_and_goes_on_trying(box, monkeypatch, error):
    monkeypatch.setattr(box.models, "fall_back", failing(error))
    monkeypatch.setattr(box.pipeline, "diagnose_next", failing(BackendError("engine failed")))
    said = await box.beats(3)
    assert said == [("model", "part_failed"), ("model slots", "part_failed")]
    assert box.condition("model slots").message == str(error)


async def test_probation_that_cannot_be_written_down_does_not_hold_up_diagnosis(box, monkeypatch):
    monkeypatch.setattr(box.models, "survived_window", failing(UpdateError("disk full")))
    box.intake.deliver(minutes(0, 3))
    await box.beats()
    assert box.status.snapshot().windows == 3
    assert not box.condition("model slots").healthy


async def test_draining_stores_what_has_arrived(box):
    box.intake.deliver(minutes(0, 2))
    await box.recorder.drain()
    assert len(box.intake) == 0
    assert len(box.heard) == 2


async def test_a_beat_that_is_cancelled_again_and_again_still_stores_what_it_took(box):
    """The core thread is busy with another's call; until then the readings wait for their turn."""
    busy = threading.Event()
    other = asyncio.create_task(box.core.call(busy.wait))
    box.intake.deliver(minutes(0, 1))
    beating = asyncio.create_task(box.recorder.run(60))
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(box.intake) == 0
    for _ in range(3):
        beating.cancel()
        await asyncio.sleep(0)
    assert not beating.done()
    busy.set()
    await asyncio.wait((beating, other))
    assert beating.cancelled()
    assert box.status.snapshot().readings == len(minutes(0, 1))
