"""Changes of the configuration under running sources that count: what doesn't change never misses a beat."""

import asyncio
import itertools
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.parts import Part, Parts, source_part_name
from agent.reload import Reloader
from agent.status import AgentStatus
from edge_runtime.errors import ConfigurationError
from tests.unit.agent.reloading import SENSORS, configuration, modbus, mqtt


class Workshop:
    """Makes parts as the assembly does. Its sources deliver (source, life, number) as fast as they are let."""

    def __init__(self):
        self.delivered = []
        self.tuned = []
        self.refuses = None
        self._lives = itertools.count()

    async def parts(self, settings, names):
        if self.refuses == "parts":
            raise ConfigurationError("ca_file is missing", hint="Put it there.")
        return [Part(name, asyncio.Event().wait) for name in names if name == "centre" and settings.centre]

    async def tune(self, settings, names):
        if self.refuses == "tune":
            raise ConfigurationError("the model can't be run so")
        self.tuned.append(tuple(names))

    def settled(self, settings):
        pass

    def source_part(self, settings):
        life = next(self._lives)

        async def run():
            for number in itertools.count():
                self.delivered.append((settings.name, life, number))
                await asyncio.sleep(0)

        return Part(source_part_name(settings.name), run)


class Plant:
    def __init__(self, first):
        self.workshop = Workshop()
        self.parts = Parts(AgentStatus())
        self.reloader = Reloader(first, self.workshop, self.parts)
        for one in first.settings.sources.every:
            self.parts.start(self.workshop.source_part(one))

    async def go_on(self):
        for _ in range(5):
            await asyncio.sleep(0)


def lives(delivered, name):
    """By life of a source, the numbers it delivered."""
    found = {}
    for source, life, number in delivered:
        if source == name:
            found.setdefault(life, []).append(number)
    return list(found.values())


def sources(chosen):
    """Modbus sources by name; the number makes the difference between one setting and another."""
    return configuration(
        modbus=[modbus(name, SENSORS["abc".index(name)], timeout_s=seconds) for name, seconds in chosen.items()]
    )


CHOICES = st.dictionaries(st.sampled_from("abc"), st.integers(1, 2), min_size=1)


@given(st.lists(CHOICES, min_size=2, max_size=8))
def test_whatever_changes_sources_that_do_not_deliver_without_a_gap(course):
    async def live():
        plant = Plant(sources(course[0]))
        await plant.go_on()
        for chosen in course[1:]:
            await plant.reloader.apply(partial(sources, chosen))
            await plant.go_on()
            assert {part.removeprefix("source ") for part in plant.parts.names} == set(chosen)
        await plant.parts.stop_all()
        return plant.workshop.delivered

    delivered = asyncio.run(live())
    for name in "abc":
        ran = [chosen.get(name) for chosen in course]
        begun = sum(now is not None and now != before for before, now in itertools.pairwise([None, *ran]))
        numbers = lives(delivered, name)
        assert len(numbers) == begun
        assert all(life == list(range(len(life))) and len(life) >= 5 for life in numbers)


@pytest.fixture
async def plant():
    plant = Plant(configuration(modbus=[modbus("plc", SENSORS[0])], mqtt=[mqtt("rig", SENSORS[1])]))
    yield plant
    await plant.parts.stop_all()


def changed(**sections):
    return configuration(modbus=[modbus("plc", SENSORS[0])], mqtt=[mqtt("rig", SENSORS[1])], **sections)


async def test_a_part_without_a_source_takes_up_its_settings_while_sources_go_on(plant):
    await plant.reloader.apply(lambda: changed(alerts={"raise_after": 7}, centre={"url": "https://centre"}))
    assert plant.workshop.tuned == [("windows and alerts", "centre", "model updates", "remote settings")]
    assert "centre" in plant.parts.names
    await plant.reloader.apply(changed)
    assert plant.parts.names == ("source plc", "source rig")
    assert {len(lives(plant.workshop.delivered, name)) for name in ("plc", "rig")} <= {0, 1}


@pytest.mark.parametrize("refuses", ["parts", "tune"])
async def test_what_can_not_be_made_leaves_everything_as_it_is(plant, refuses):
    plant.workshop.refuses = refuses
    before = plant.reloader.running
    with pytest.raises(ConfigurationError):
        await plant.reloader.apply(lambda: changed(centre={"url": "https://centre"}))
    assert plant.reloader.running is before
    assert plant.parts.names == ("source plc", "source rig")


async def test_what_needs_a_restart_is_refused_as_a_whole(plant):
    with pytest.raises(ConfigurationError, match="data_directory") as refusal:
        await plant.reloader.apply(lambda: changed(data_directory="/elsewhere", alerts={"raise_after": 7}))
    assert "systemctl restart" in refusal.value.hint
    assert plant.workshop.tuned == []


async def test_a_change_that_ends_its_own_caller_is_carried_through(plant):
    """As when the centre's document changes how the centre is reached: who takes it up is restarted by it."""

    async def follower():
        await plant.reloader.apply(lambda: changed(alerts={"raise_after": 7}, centre={"url": "https://centre"}))

    plant.parts.start(Part("remote settings", follower))
    for _ in range(1000):
        if "centre" in plant.parts.names:
            break
        await asyncio.sleep(0.001)
    assert plant.parts.names == ("source plc", "source rig", "centre")
    assert plant.reloader.running.settings.alerts.raise_after == 7
