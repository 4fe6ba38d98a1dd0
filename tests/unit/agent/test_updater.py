import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from agent.box_clock import BoxClock
from agent.models import Models
from agent.settings import AgentSettings, CentreSettings
from agent.status import AgentStatus
from agent.updater import PART, Updater, make_updater
from agent.updater import Box as UpdaterBox
from cloud_sync.model_offer import ModelOffer, OfferKind
from cloud_sync.model_target import ModelTarget
from edge_runtime.errors import CentreUnreachableError, ConfigurationError, UpdateError
from edge_runtime.slot_state import SlotAction
from edge_runtime.slots import Slots
from tests.models.tiny_bundle import build_tiny_bundle, window_of
from tests.rig.bad_bundles import changed_weights
from tests.tiny_agent import MACHINE

SIGNED = datetime(2090, 1, 1, tzinfo=UTC)


@dataclass
class Offered:
    model: ModelTarget

    @property
    def version(self):
        return self.model.version


class Centre:
    """Offers what it is told to, as `ModelUpdates` and `ModelOffers` do; bundles lie in folders named by release."""

    def __init__(self):
        self.offer: Path | None = None
        self.error: Exception | None = None
        self.asked = []
        self.signed_at = None
        self.turn = ModelOffer("tiny", OfferKind.NEWEST)
        self.turns_asked = 0

    def ask(self, model):
        assert model == "tiny"
        self.turns_asked += 1
        if isinstance(self.turn, Exception):
            raise self.turn
        return self.turn

    def check(self, name, above_release, version=None):
        if version is not None:
            self.offer = self.offer.with_name(version.partition(".")[0])
        self.asked.append((name, above_release))
        if self.error:
            raise self.error
        self.signed_at = SIGNED
        if self.offer is None or int(self.offer.name) <= above_release:
            return None
        release = int(self.offer.name)
        return Offered(
            ModelTarget(
                name=name,
                version=f"{release}.0.0",
                release=release,
                minimum_agent_version="0.1.0",
                manifest_sha256="0" * 64,
            )
        )

    def download(self, candidate):
        assert candidate.model.release == int(self.offer.name)
        return self.offer


class Box:
    def __init__(self, tmp_path):
        self.folder = tmp_path
        self.centre = Centre()
        self.status = AgentStatus()
        self.models = Models(MACHINE, Slots(tmp_path / "slots"), self.bundle(1), threads=1, probation_windows=2)
        self.current = self.models.start()
        self.clock = BoxClock(tmp_path / "floor")
        self.told = []
        box = UpdaterBox(lambda: self.current, self._recent, self._take_over, self._tell, self.status)
        self.updater = Updater(self.centre, self.centre, self.models, self.clock, box)

    def bundle(self, release):
        return build_tiny_bundle(self.folder / str(release), version=f"{release}.0.0", release=release)

    async def _recent(self):
        return [window_of(MACHINE)]

    async def _take_over(self, diagnoser):
        self.current = diagnoser

    async def _tell(self, state):
        self.told.append([event.action for event in state.history])

    @property
    def condition(self):
        return self.status.snapshot().conditions[PART]


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


async def test_with_nothing_newer_all_is_well(box):
    assert not await box.updater.check_once()
    assert box.centre.asked == [("tiny", 1)]
    assert box.condition.healthy


async def test_a_newer_model_takes_over_on_probation(box):
    box.centre.offer = box.bundle(2)
    assert await box.updater.check_once()
    assert box.current.bundle.manifest.release == 2
    assert box.models.slots.on_probation


async def test_with_nothing_newer_it_does_not_ask_whose_turn_it_is(box):
    await box.updater.check_once()
    assert box.centre.turns_asked == 0


async def test_until_its_turn_comes_it_stays_with_what_it_has(box):
    box.centre.offer = box.bundle(2)
    box.centre.turn = ModelOffer("tiny", OfferKind.NOTHING)
    assert not await box.updater.check_once()
    assert box.condition.healthy
    box.centre.turn = ModelOffer("tiny", OfferKind.VERSION, "2.0.0", rollout=1)
    assert await box.updater.check_once()


async def test_the_version_it_is_offered_is_taken_though_a_newer_one_is_signed(box):
    box.bundle(2)
    box.centre.offer = box.bundle(3)
    box.centre.turn = ModelOffer("tiny", OfferKind.VERSION, "2.0.0", rollout=1)
    assert await box.updater.check_once()
    assert box.current.bundle.manifest.release == 2


async def test_an_older_version_than_it_has_had_is_not_taken(box):
    box.centre.offer = box.bundle(2)
    box.centre.turn = ModelOffer("tiny", OfferKind.VERSION, "1.0.0", rollout=1)
    assert not await box.updater.check_once()
    assert box.condition.healthy
    assert box.current.bundle.manifest.release == 1


async def test_without_an_answer_it_stays_with_what_it_has_and_keeps_the_signed_time(box):
    box.centre.offer = box.bundle(2)
    box.centre.turn = UpdateError("too old", hint="upgrade")
    assert not await box.updater.check_once()
    assert box.condition.hint == "upgrade"
    assert box.current.bundle.manifest.release == 1
    assert box.clock.at_least() == SIGNED


async def test_a_model_that_is_refused_is_told_at_once_and_one_that_was_rolled_back_at_the_next_check(box):
    box.centre.offer = changed_weights(box.folder / "2", machine=MACHINE, release=2)
    await box.updater.check_once()
    assert SlotAction.REJECTED in box.told[-1]

    box.centre.offer = box.bundle(3)
    await box.updater.check_once()
    box.models.fall_back("bad")
    assert SlotAction.ROLLED_BACK not in box.told[-1]
    await box.updater.check_once()
    assert SlotAction.ROLLED_BACK in box.told[-1]


async def test_on_probation_nobody_is_asked(box):
    box.centre.offer = box.bundle(2)
    await box.updater.check_once()
    box.centre.offer = box.bundle(3)
    assert not await box.updater.check_once()
    assert len(box.centre.asked) == 1
    for _ in range(2):
        box.models.survived_window()
    assert await box.updater.check_once()
    assert box.current.bundle.manifest.release == 3


async def test_what_was_rolled_back_is_not_asked_for_again(box):
    box.centre.offer = box.bundle(2)
    await box.updater.check_once()
    box.current = box.models.fall_back("bad")
    assert not await box.updater.check_once()
    assert box.centre.asked[-1] == ("tiny", 2)


async def test_a_refused_model_is_said_once_and_the_present_one_stays(box):
    candidate = box.bundle(2)
    (candidate / "model.onnx").write_bytes(b"\0")
    box.centre.offer = candidate
    with capture_logs() as said:
        for _ in range(3):
            await box.updater.check_once()
    assert [line["event"] for line in said if line.get("part") == PART] == ["part_failed"]
    assert box.condition.hint
    assert box.current.bundle.manifest.release == 1


@pytest.mark.parametrize(
    "error",
    [
        CentreUnreachableError("no answer", hint="check the network"),
        UpdateError("expired", hint="renew"),
        OSError("no space left on device"),
    ],
)
async def test_trouble_on_the_way_is_said_once_and_once_when_it_is_over(box, error):
    box.centre.error = error
    with capture_logs() as said:
        for _ in range(3):
            assert not await box.updater.check_once()
        box.centre.error = None
        for _ in range(3):
            await box.updater.check_once()
    assert [line["event"] for line in said if line.get("part") == PART] == ["part_failed", "part_recovered"]


async def test_a_signed_time_raises_the_clocks_floor(box):
    await box.updater.check_once()
    assert box.clock.at_least() == SIGNED


async def test_it_asks_at_once_and_then_at_its_interval(box):
    slept = []

    async def sleep(delay):
        slept.append(delay)
        if len(slept) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await box.updater.run(60.0, sleep)
    assert slept == [60.0] * 3
    assert len(box.centre.asked) == 3


@pytest.fixture
def settings(tmp_path):
    return AgentSettings.model_validate(
        {
            "machine": tmp_path / "machine.yaml",
            "data_directory": tmp_path,
            "sources": {
                "mqtt": [{"name": "rig", "host": "h", "topics": [{"topic": "t", "sensor": "PS1"}]}],
            },
            "model": {"bundle": tmp_path / "bundle"},
        }
    )


def made(settings, trust_root):
    model = settings.model.model_copy(update={"trust_root": trust_root})
    with httpx.Client() as client:
        return make_updater(
            settings.model_copy(update={"model": model}),
            CentreSettings(url="https://centre.example.com"),
            models=None,
            pipeline=None,
            core=None,
            status=AgentStatus(),
            recent=None,
            tell=None,
            client=client,
            clock=BoxClock(settings.clock_floor_file),
        )


def test_without_a_trust_root_there_are_no_updates(settings):
    assert made(settings, None) is None


def test_a_trust_root_that_is_not_there_is_a_wrong_setting(settings, tmp_path):
    with pytest.raises(ConfigurationError, match=r"model\.trust_root .*root\.json"):
        made(settings, tmp_path / "root.json")
