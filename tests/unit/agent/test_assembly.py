import pytest

from agent.assembly import Assembly
from agent.box_clock import BoxClock
from agent.core import CoreThread
from agent.parts import Parts
from agent.reload_plan import TAKEN_UP_BY
from agent.status import AgentStatus
from agent.store.retention import Retention
from edge_runtime.errors import ConfigurationError
from tests.unit.agent.reloading import SENSORS, configuration, mqtt


@pytest.fixture
def box(failed_bundle, tmp_path):
    def box(**sections):
        sections = {"model": {"bundle": failed_bundle}} | sections
        return configuration(mqtt=[mqtt("rig", SENSORS[0])], folder=tmp_path, **sections)

    return box


@pytest.fixture
def settings(box):
    return lambda **sections: box(**sections).settings


@pytest.fixture
def core():
    core = CoreThread()
    yield core
    core.close()


@pytest.fixture
def assembly(box, open_store, core, tmp_path):
    status = AgentStatus()
    return Assembly(box(), open_store(), core, status, BoxClock(tmp_path / "floor"), Parts(status))


def test_whatever_may_be_taken_up_has_a_taker(assembly):
    assert {part for _, part in TAKEN_UP_BY} == assembly.takers


async def test_a_centre_alone_brings_an_uplink_but_no_updates(assembly, settings):
    with_centre = settings(centre={"url": "https://centre"})
    parts = await assembly.parts(with_centre, ("centre", "model updates", "alerts broker", "recorder"))
    assert [part.name for part in parts] == ["centre", "recorder"]
    for part in parts:
        await part.resources.aclose()


async def test_a_part_that_can_not_be_made_says_why(assembly, settings):
    with pytest.raises(ConfigurationError, match="ca_file /nowhere"):
        await assembly.parts(settings(centre={"url": "https://centre", "ca_file": "/nowhere"}), ("recorder", "centre"))


async def test_limits_count_from_then_on(assembly, settings):
    tuned = settings(store={"max_bytes": 2**25, "min_free_bytes": 7})
    await assembly.tune(tuned, ("store limits",))
    assert assembly.housekeeping.min_free_bytes == 7
    assert assembly._store._retention == Retention(2**25, 7)


async def test_more_threads_open_the_model_anew_and_other_settings_leave_it(assembly, settings, failed_bundle):
    before = assembly.diagnoser
    await assembly.tune(settings(model={"bundle": failed_bundle, "probation_windows": 3}), ("model",))
    assert assembly.diagnoser is before
    await assembly.tune(settings(model={"bundle": failed_bundle, "threads": 2}), ("model",))
    assert assembly.diagnoser is not before
    assert assembly.diagnoser.bundle.sha256 == before.bundle.sha256


async def test_a_model_that_can_not_be_opened_so_stays_as_it_is(assembly, settings, failed_bundle):
    before = assembly.diagnoser
    (before.bundle.path / "model.onnx").write_bytes(b"worn out")
    with pytest.raises(ConfigurationError, match=r"model: .*model\.onnx"):
        await assembly.tune(settings(model={"bundle": failed_bundle, "threads": 2}), ("model",))
    assert assembly.diagnoser is before
