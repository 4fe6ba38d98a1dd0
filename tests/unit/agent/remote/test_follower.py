import asyncio
import re

import pytest

from agent.remote.trial import STARTS_ON_PROBATION
from edge_runtime.errors import CentreUnreachableError, UpdateError
from tests.remote_box import BEAT_S, DEAD, DUMB, PATIENCE_S, PROBATION_S, WORKS, RemoteBox, sources

PROBATION = round(PROBATION_S / BEAT_S)
PATIENCE = round(PATIENCE_S / BEAT_S) + 1
OWN = {"plc": WORKS, "rig": WORKS}


@pytest.fixture
def box(tmp_path):
    box = RemoteBox(tmp_path)
    box.configure()
    return box


@pytest.fixture
async def start(box):
    """Begin another run of the agent; the one before is gone, as by a kill."""
    runs = []

    async def start():
        if runs:
            await runs[-1].stop()
        runs.append(box.start())
        return runs[-1]

    yield start
    await runs[-1].stop()


async def test_without_a_document_the_boxs_own_settings_run(start):
    run = await start()
    await run.steps(3)
    assert run.hosts() == OWN
    assert run.condition() == "none yet"


async def test_a_document_that_the_sources_stand_is_kept(box, start):
    run = await start()
    box.publish(1, alerts={"raise_after": 7})
    await run.steps(1 + PROBATION)
    assert box.trials.read().probation is None
    assert run.reloader.running.settings.alerts.raise_after == 7
    assert run.hosts() == OWN
    assert box.told == [(1, "activated"), (1, "confirmed")]
    run = await start()
    assert run.configuration.settings.alerts.raise_after == 7


async def test_a_source_that_can_not_connect_brings_the_former_settings_back_by_itself(box, start):
    run = await start()
    box.publish(1, alerts={"raise_after": 7})
    await run.steps(1 + PROBATION)
    box.publish(2, sources=sources(plc=DEAD, rig=WORKS))
    await run.steps()
    assert run.hosts() == {"plc": DEAD, "rig": WORKS}
    await run.steps(PATIENCE)
    assert run.hosts() == OWN
    assert run.reloader.running.settings.alerts.raise_after == 7
    assert "version 2 for tiny rolled back: source plc at fault for more than 10 s" in run.condition()
    assert box.told[2:] == [(2, "activated"), (2, "rolled_back")]


async def test_what_was_rolled_back_is_not_tried_again_and_a_new_version_is(box, start):
    run = await start()
    box.publish(1, sources=sources(plc=DEAD, rig=WORKS))
    await run.steps(1 + PATIENCE)
    await run.steps(10)
    run = await start()
    await run.steps(10)
    assert box.told == [(1, "activated"), (1, "rolled_back")]
    box.publish(2, alerts={"raise_after": 7})
    await run.steps(1 + PROBATION)
    assert box.told[2:] == [(2, "activated"), (2, "confirmed")]
    assert "version 2" in run.condition()


async def test_a_source_that_connects_and_delivers_nothing_is_found_at_the_end(box, start):
    run = await start()
    box.publish(1, sources=sources(plc=DUMB, rig=WORKS))
    await run.steps(PROBATION)
    assert run.hosts()["plc"] == DUMB
    await run.steps()
    assert run.hosts() == OWN
    assert "source plc delivered no reading" in run.condition()


async def test_a_source_that_did_not_work_before_need_not_work_now(box, start):
    box.configure(sources=sources(plc=DEAD, rig=WORKS))
    run = await start()
    box.publish(1, sources=sources(plc=DUMB, rig=WORKS))
    await run.steps(1 + PROBATION)
    assert box.told == [(1, "activated"), (1, "confirmed")]


async def test_a_source_that_is_taken_away_is_not_missed(box, start):
    run = await start()
    box.publish(1, sources=sources(plc=WORKS))
    await run.steps(1)
    run = await start()
    await run.steps(1 + PROBATION)
    assert box.told == [(1, "activated"), (1, "confirmed")]
    assert run.hosts() == {"plc": WORKS}


@pytest.mark.parametrize(
    "sections",
    [
        {"alerts": {"raise_afer": 1}},
        {"centre": {"url": "https://mine"}},
        {"sources": {"modbus": [{"name": "plc"}]}},
        {"sources": {"mqtt": [{"name": "x", "host": "y", "topics": [{"topic": "t", "sensor": "UNKNOWN"}]}]}},
    ],
)
async def test_a_wrong_document_is_refused_before_anything_is_touched(box, start, sections):
    run = await start()
    box.publish(1, **sections)
    await run.steps(3)
    assert run.hosts() == OWN
    assert box.told == [(1, "refused")]
    assert "version 1 for tiny refused: " in run.condition()


async def test_what_is_not_text_is_refused(box, start):
    run = await start()
    box.offers[1] = b"\xff\xfe alerts"
    await run.steps()
    assert box.told == [(1, "refused")]


@pytest.mark.parametrize("error", [CentreUnreachableError("no answer"), UpdateError("expired", hint="check the clock")])
async def test_a_centre_that_can_not_be_asked_or_trusted_changes_nothing(box, start, error):
    run = await start()
    box.publish(1, alerts={"raise_after": 7})
    await run.steps(1 + PROBATION)
    box.error = error
    await run.steps(2)
    assert run.reloader.running.settings.alerts.raise_after == 7
    assert run.condition() == str(error)


async def test_the_probation_goes_on_where_a_kill_cut_it_off(box, start):
    run = await start()
    box.publish(1, alerts={"raise_after": 7})
    await run.steps(PROBATION)
    assert box.trials.read().probation.left_s == BEAT_S
    run = await start()
    assert run.configuration.settings.alerts.raise_after == 7
    await run.steps(2)
    assert box.told == [(1, "activated"), (1, "confirmed")]


async def test_settings_that_bring_the_agent_down_are_given_up_after_some_starts(box, start):
    run = await start()
    box.publish(1, alerts={"raise_after": 7})
    await run.steps()
    for _ in range(STARTS_ON_PROBATION):
        run = await start()
        assert run.configuration.settings.alerts.raise_after == 7
    run = await start()
    assert run.configuration.remote is None
    await run.steps()
    assert box.told[-1] == (1, "rolled_back")
    assert "starts of the agent on probation" in run.condition()


async def test_a_document_that_no_longer_fits_the_boxs_own_file_is_given_up_at_the_start(box, start):
    run = await start()
    box.publish(1, sources=sources(plc=WORKS))
    await run.steps(1 + PROBATION)
    text = (box.folder / "machine.yaml").read_text()
    sensor = run.configuration.settings.sources.modbus[0].groups[0].registers[0].sensor
    box.configure(sources={"modbus": sources(plc=WORKS, rig=WORKS)["modbus"][1:]})
    (box.folder / "machine.yaml").write_text(re.sub(rf"\b{sensor}\b", "renamed", text))
    run = await start()
    assert run.configuration.remote is None
    await run.steps()
    assert box.told[-1] == (1, "rolled_back")


async def test_a_damaged_record_leaves_the_boxs_own_settings_and_takes_no_document(box, start):
    run = await start()
    box.publish(1, alerts={"raise_after": 7})
    await run.steps(1 + PROBATION)
    next(box.folder.glob("data/settings/trial.json")).write_bytes(b"worn out")
    run = await start()
    await run.steps()
    assert run.reloader.running.settings.alerts.raise_after == 2
    assert "damaged" in run.condition()


async def test_a_disk_that_refuses_the_record_lets_nothing_change(box, start):
    run = await start()
    folder = box.folder / "data" / "settings"
    folder.parent.mkdir()
    folder.write_text("in the way")
    box.publish(1, sources=sources(plc=DEAD, rig=WORKS))
    await run.steps(2)
    assert run.hosts() == OWN
    assert "trial.json" in run.condition()


async def test_a_probation_is_watched_every_beat_and_the_centre_asked_every_interval(box, start):
    run = await start()
    box.publish(1, alerts={"raise_after": 7})
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        if len(slept) > PROBATION + 1:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await run.follower.run(3600, sleep)
    assert slept == [*[BEAT_S] * PROBATION, 3600, 3600]
