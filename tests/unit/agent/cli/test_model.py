import shutil

import pytest

from edge_runtime.slot_state import SlotState
from tests.models.tiny_bundle import TINY_MACHINE
from tests.unit.agent.cli.conftest import failed


@pytest.fixture
def install(box, bundles):
    """Install the bundle of that release."""

    def install(release, *options):
        return box.run("model", "install", str(bundles / str(release)), *options)

    return install


@pytest.fixture
def state(box):
    return lambda: SlotState.model_validate(box.json("model", "show"))


def active_release(state):
    return state.content[state.active].release


def test_before_the_first_model_it_says_so(box):
    assert "No model is installed yet" in box.run("model", "show").stdout


def test_an_installed_model_is_active_on_probation(install, state):
    result = install(1)
    assert result.exit_code == 0
    assert "tiny 1.0.0 is active. Restart the agent" in result.stdout
    assert (active_release(state()), state().probation_left) == (1, 2)


def test_a_model_on_probation_blocks_the_next(install):
    install(1)
    assert "hydrosight model confirm" in failed(install(2), 1)


def test_a_confirmed_model_stays(box, install, state):
    install(1)
    assert box.run("model", "confirm").exit_code == 0
    assert state().probation_left == 0
    assert install(2).exit_code == 0
    assert active_release(state()) == 2


def test_scripts_are_told_how_the_slots_are_after_each_change(box, bundles, install, state):
    install(1)
    for change in (("confirm",), ("install", str(bundles / "2")), ("roll-back",)):
        assert SlotState.model_validate(box.json("model", *change)) == state()


def test_both_slots_are_shown_with_their_part_and_history(box, install):
    install(1)
    box.run("model", "confirm")
    install(2)
    text = " ".join(box.run("model", "show").stdout.split())
    assert "active, 2 windows of probation left tiny 2.0.0 2" in text
    assert "the way back tiny 1.0.0 1" in text
    assert "release 1 confirmed" in text


def test_rolling_back_returns_to_the_former_model_and_keeps_the_reason(box, install, state):
    install(1)
    box.run("model", "confirm")
    install(2)
    result = box.run("model", "roll-back", "--reason", "too many alerts")
    assert result.exit_code == 0
    assert "Restart the agent" in result.stdout
    assert active_release(state()) == 1
    assert "too many alerts" in box.run("model", "show").stdout


def test_without_a_former_model_there_is_no_way_back(box, install):
    assert "no former model" in failed(box.run("model", "roll-back"), 1)
    install(1)
    assert "no former model" in failed(box.run("model", "roll-back"), 1)


def test_an_older_release_is_taken_only_when_asked_for(box, install, state):
    install(2)
    box.run("model", "confirm")
    assert "release 1 isn't above 2" in failed(install(1), 1)
    assert active_release(state()) == 2
    assert install(1, "--allow-older").exit_code == 0
    assert active_release(state()) == 1


@pytest.mark.parametrize("file", ["model.onnx", "golden.npz", "manifest.json"])
def test_a_damaged_bundle_is_refused_and_nothing_changes(box, bundles, state, file):
    damaged = shutil.copytree(bundles / "2", box.folder / "damaged")
    content = bytearray((damaged / file).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (damaged / file).write_bytes(content)
    assert file in failed(box.run("model", "install", str(damaged)), 1)
    assert state() == SlotState()


def test_a_bundle_for_other_conditions_is_refused(box, install, state):
    machine = TINY_MACHINE
    for name in ("pump", "valve", "accumulator"):
        machine = machine.replace(f"  - name: {name}\n", f"  - name: other-{name}\n")
    (box.folder / "machine.yaml").write_text(machine)
    assert "machine tiny has other-accumulator, other-pump, other-valve" in failed(install(2), 1)
    assert state() == SlotState()


def test_a_folder_that_is_no_bundle_is_refused(box):
    assert "nowhere" in failed(box.run("model", "install", str(box.folder / "nowhere")), 1)
