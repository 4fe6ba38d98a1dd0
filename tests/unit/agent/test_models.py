import shutil

import pytest
from structlog.testing import capture_logs

from agent.models import Models
from edge_runtime.bundle import GOLDEN_FILE, MODEL_FILE
from edge_runtime.errors import BundleError, ConfigurationError, UpdateError
from edge_runtime.machine_file import load_machine
from edge_runtime.slot_state import STARTS_ON_PROBATION
from edge_runtime.slots import Slots
from tests.models.tiny_bundle import build_tiny_bundle, window_of, write_manifest
from tests.rig.recordings import MACHINE as ZEMA
from tests.tiny_agent import MACHINE

PROBATION = 3


@pytest.fixture
def bundle(tmp_path):
    """Make a bundle of that release."""

    def make(release, **options):
        return build_tiny_bundle(tmp_path / f"release-{release}", version=f"{release}.0.0", release=release, **options)

    return make


@pytest.fixture
def slots(tmp_path):
    return Slots(tmp_path / "slots")


@pytest.fixture
def models(slots, bundle):
    return Models(MACHINE, slots, bundle(1), threads=1, probation_windows=PROBATION)


def damage(folder, file=MODEL_FILE):
    content = bytearray((folder / file).read_bytes())
    content[-1] ^= 1
    (folder / file).write_bytes(content)


def release(diagnoser):
    return diagnoser.bundle.manifest.release


def take(models, candidate):
    """Take an update into use, as the updater does."""
    diagnoser = models.try_update(candidate, models.start(), [window_of(MACHINE)])
    models.activate()
    return diagnoser


class TestStart:
    def test_the_shipped_bundle_is_seeded(self, models, slots):
        assert release(models.start()) == 1
        assert slots.active is not None
        assert not slots.on_probation

    def test_an_update_stays_after_a_restart(self, models, bundle):
        take(models, bundle(2))
        assert release(models.start()) == 2

    def test_a_newer_shipped_bundle_goes_first(self, models, slots, bundle):
        models.start()
        assert release(Models(MACHINE, slots, bundle(3), threads=1, probation_windows=1).start()) == 3

    def test_an_older_shipped_bundle_does_not_replace_an_update(self, models, bundle, slots):
        take(models, bundle(5))
        slots.confirm()
        assert release(Models(MACHINE, slots, bundle(3), threads=1, probation_windows=1).start()) == 5

    def test_a_damaged_active_bundle_makes_way_for_the_former_one(self, models, bundle, slots):
        take(models, bundle(2))
        damage(slots.active)
        with capture_logs() as said:
            assert release(models.start()) == 1
        assert [line["event"] for line in said if line["log_level"] == "warning"] == ["model_refused"]

    def test_with_both_slots_damaged_the_shipped_bundle_is_seeded_anew(self, models, bundle, slots):
        take(models, bundle(2))
        damage(slots.active)
        damage(slots.previous)
        assert release(models.start()) == 1
        assert slots.active is not None

    def test_a_damaged_shipped_bundle_does_not_matter_while_the_slot_is_good(self, models, bundle, tmp_path):
        models.start()
        damage(tmp_path / "release-1")
        assert release(models.start()) == 1

    def test_without_a_folder_for_slots_the_shipped_bundle_runs_where_it_lies(self, models, slots, tmp_path):
        (tmp_path / "slots").write_text("not a folder")
        with capture_logs() as said:
            diagnoser = models.start()
        assert diagnoser.bundle.path == tmp_path / "release-1"
        assert "slots_unusable" in [line["event"] for line in said]

    def test_without_any_good_bundle_it_cannot_start(self, models, tmp_path):
        damage(tmp_path / "release-1")
        with pytest.raises(ConfigurationError, match=r"model\.bundle .*release-1") as caught:
            models.start()
        assert caught.value.hint

    def test_a_bundle_for_another_machine_is_refused(self, bundle, slots):
        other = bundle(1, machine=load_machine(ZEMA).model_copy(update={"conditions": ()}))
        with pytest.raises(ConfigurationError, match="diagnoses"):
            Models(MACHINE, slots, other, threads=1, probation_windows=1).start()

    def test_a_model_that_brings_the_agent_down_is_rolled_back_after_a_few_starts(self, models, bundle):
        take(models, bundle(2))
        releases = [release(models.start()) for _ in range(STARTS_ON_PROBATION + 1)]
        assert releases == [2] * STARTS_ON_PROBATION + [1]


class TestUpdate:
    def test_a_good_one_is_on_probation_until_enough_windows_are_through(self, models, bundle, slots):
        assert release(take(models, bundle(2))) == 2
        for left in range(PROBATION, 0, -1):
            assert slots.state.probation_left == left
            models.survived_window()
        assert not slots.on_probation
        assert models.fall_back("too late") is None
        assert release(models.start()) == 2

    def test_one_that_fails_on_probation_makes_way_for_the_former_one_and_never_comes_back(self, models, bundle, slots):
        take(models, bundle(2))
        former = models.fall_back("the engine failed")
        assert former is not None
        assert release(former) == 1
        assert slots.state.history[-1].reason == "the engine failed"
        with pytest.raises(UpdateError, match="release 2"):
            models.try_update(bundle(2), former, [])

    @pytest.mark.parametrize("file", [MODEL_FILE, GOLDEN_FILE])
    def test_a_damaged_one_is_refused(self, models, bundle, slots, file):
        current = models.start()
        candidate = bundle(2)
        damage(candidate, file)
        with pytest.raises(BundleError, match=file):
            models.try_update(candidate, current, [])
        assert release(models.start()) == 1

    def test_one_that_does_not_reproduce_its_golden_windows_is_refused_for_good(self, models, bundle, slots, tmp_path):
        current = models.start()
        candidate, other = bundle(2), bundle(3, level_bias=5.0)
        shutil.copy(other / MODEL_FILE, candidate / MODEL_FILE)
        write_manifest(candidate, name="tiny", version="2.0.0", release=2, machine=MACHINE)
        with pytest.raises(UpdateError, match=r"refused.*golden"):
            models.try_update(candidate, current, [])
        assert release(models.start()) == 1
        assert slots.highest_release == 2

    def test_one_of_another_window_length_is_refused(self, models, bundle):
        current = models.start()
        candidate = bundle(2)
        manifest = (candidate / "manifest.json").read_text()
        assert '"window_s": 60.0' in manifest
        (candidate / "manifest.json").write_text(manifest.replace('"window_s": 60.0', '"window_s": 30.0'))
        with pytest.raises(UpdateError, match=r"30 s.*60 s"):
            models.try_update(candidate, current, [])

    def test_an_older_one_is_refused(self, models, bundle):
        take(models, bundle(5))
        for _ in range(PROBATION):
            models.survived_window()
        with pytest.raises(UpdateError, match="isn't above 5"):
            models.try_update(bundle(4), models.start(), [])

    def test_while_one_is_on_probation_another_waits(self, models, bundle):
        current = take(models, bundle(2))
        with pytest.raises(UpdateError, match="probation"):
            models.try_update(bundle(3), current, [])
