import json

import pytest

from edge_runtime.bundle import open_bundle
from edge_runtime.errors import BundleError, UpdateError
from edge_runtime.slot_state import EVENTS_KEPT, STARTS_ON_PROBATION, SlotAction
from edge_runtime.slots import Slots
from tests.models.tiny_bundle import build_tiny_bundle


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    return {release: build_tiny_bundle(folder / str(release), release=release) for release in (1, 2, 3)}


@pytest.fixture
def slots(tmp_path):
    return Slots(tmp_path / "models")


def release_of(path):
    return open_bundle(path).manifest.release


def update(slots, bundle, probation=2):
    slots.install(bundle)
    return slots.activate(probation)


def test_nothing_is_active_and_nothing_written_at_first(slots, tmp_path):
    assert slots.active is None
    assert slots.highest_release == 0
    assert not slots.record_window()
    assert not slots.record_start()
    assert list(tmp_path.iterdir()) == []


def test_seed_makes_the_shipped_bundle_active_without_probation(slots, bundles):
    assert slots.seed(bundles[2]) == slots.active
    assert release_of(slots.active) == 2
    assert not slots.on_probation
    assert slots.highest_release == 2


def test_seed_again_changes_nothing(slots, bundles):
    slots.seed(bundles[1])
    before = slots.state
    slots.seed(bundles[1])
    assert slots.state == before


def test_seed_replaces_a_damaged_active_bundle(slots, bundles):
    slots.seed(bundles[1])
    (slots.active / "model.onnx").write_bytes(b"worn out flash")
    assert release_of(slots.seed(bundles[1])) == 1


def test_an_installed_bundle_waits_until_it_is_activated(slots, bundles):
    slots.seed(bundles[1])
    candidate = slots.install(bundles[2])
    assert release_of(candidate) == 2
    assert release_of(slots.active) == 1
    assert slots.activate(3) == candidate == slots.active
    assert release_of(slots.previous) == 1
    assert slots.on_probation


def test_probation_ends_by_itself_after_its_windows(slots, bundles):
    slots.seed(bundles[1])
    update(slots, bundles[2], probation=2)
    assert [slots.record_window(), slots.record_window(), slots.record_window()] == [False, True, False]
    assert not slots.on_probation
    assert [event.action for event in slots.state.history].count(SlotAction.CONFIRMED) == 1


def test_rolling_back_returns_to_the_former_and_never_takes_the_release_again(slots, bundles):
    slots.seed(bundles[1])
    update(slots, bundles[2])
    assert release_of(slots.roll_back("diagnoses nonsense")) == 1
    assert release_of(slots.active) == 1
    assert not slots.on_probation
    assert slots.state.history[-1].reason == "diagnoses nonsense"
    assert slots.state.history[-1].release == 2
    with pytest.raises(UpdateError, match="release 2 isn't above 2"):
        slots.install(bundles[2])
    assert release_of(update(slots, bundles[3])) == 3


def test_rolling_back_without_a_former_bundle_changes_nothing(slots, bundles):
    slots.seed(bundles[1])
    assert slots.roll_back("why not") is None
    assert release_of(slots.active) == 1


def test_a_rejected_candidate_does_not_come_again(slots, bundles):
    slots.seed(bundles[1])
    slots.install(bundles[2])
    slots.reject("golden windows differ")
    assert slots.highest_release == 2
    assert release_of(slots.active) == 1
    with pytest.raises(UpdateError, match="no model waits"):
        slots.activate(1)


def test_an_installed_bundle_that_was_never_activated_may_be_installed_again(slots, bundles):
    slots.seed(bundles[1])
    slots.install(bundles[2])
    slots.install(bundles[2])
    assert slots.highest_release == 1


def test_no_update_during_probation_because_it_would_cost_the_way_back(slots, bundles):
    slots.seed(bundles[1])
    update(slots, bundles[2])
    with pytest.raises(UpdateError, match="on probation"):
        slots.install(bundles[3])
    slots.confirm()
    slots.install(bundles[3])


def test_a_person_may_install_an_older_release(slots, bundles):
    slots.seed(bundles[3])
    slots.install(bundles[1], allow_older=True)
    slots.activate(0)
    assert release_of(slots.active) == 1
    assert slots.highest_release == 3


def test_a_model_that_brings_the_agent_down_again_and_again_is_rolled_back(slots, bundles):
    slots.seed(bundles[1])
    update(slots, bundles[2], probation=5)
    assert [slots.record_start() for _ in range(STARTS_ON_PROBATION)] == [False] * STARTS_ON_PROBATION
    assert slots.record_start()
    assert release_of(slots.active) == 1


def test_starts_with_windows_in_between_are_no_fault_of_the_model(slots, bundles):
    slots.seed(bundles[1])
    update(slots, bundles[2], probation=100)
    for _ in range(3 * STARTS_ON_PROBATION):
        assert not slots.record_start()
        slots.record_window()
    assert release_of(slots.active) == 2


def test_an_invalid_candidate_leaves_everything_as_it_was(slots, bundles, tmp_path):
    slots.seed(bundles[1])
    bad = build_tiny_bundle(tmp_path / "bad", release=9)
    (bad / "model.onnx").write_bytes(b"")
    before = slots.state
    with pytest.raises(BundleError, match=r"model\.onnx: has SHA-256"):
        slots.install(bad)
    assert slots.state == before


def test_a_candidate_damaged_before_activation_is_not_activated(slots, bundles):
    slots.seed(bundles[1])
    (slots.install(bundles[2]) / "model.onnx").write_bytes(b"")
    with pytest.raises(BundleError):
        slots.activate(1)
    assert release_of(slots.active) == 1


def test_a_full_disk_leaves_the_active_bundle(slots, bundles, monkeypatch):
    slots.seed(bundles[1])

    def no_room(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("edge_runtime.durable.shutil.copyfile", no_room)
    with pytest.raises(UpdateError, match="No space left") as caught:
        slots.install(bundles[2])
    assert "Free some room" in caught.value.hint
    assert release_of(slots.active) == 1
    monkeypatch.undo()
    assert release_of(slots.install(bundles[2])) == 2


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"null", b'{"active": "a", "previous": "a"}', b'{"active": "b"}', b"\xff"]
)
def test_a_damaged_state_falls_back_to_the_older_whole_bundle(slots, bundles, damage, tmp_path):
    slots.seed(bundles[1])
    update(slots, bundles[2])
    (tmp_path / "models" / "state.json").write_bytes(damage)
    assert release_of(slots.active) == 1
    assert slots.highest_release == 2
    assert slots.state.history[-1].action is SlotAction.RECOVERED
    assert release_of(update(slots, bundles[3])) == 3


def test_a_damaged_state_without_any_bundle_starts_afresh(slots, bundles, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "state.json").write_text("garbage")
    assert slots.active is None
    slots.seed(bundles[1])
    assert release_of(slots.active) == 1


def test_a_state_of_a_newer_agent_is_left_alone(slots, bundles, tmp_path):
    slots.seed(bundles[1])
    file = tmp_path / "models" / "state.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 99}))
    with pytest.raises(UpdateError, match="schema version 99"):
        slots.seed(bundles[2])


def test_history_is_bounded(slots, bundles):
    slots.seed(bundles[1])
    for _ in range(EVENTS_KEPT):
        slots.install(bundles[2])
    assert len(slots.state.history) == EVENTS_KEPT
