import pytest

from edge_runtime.basis import Basis, Silence, basis_of
from edge_runtime.bundle import open_bundle
from edge_runtime.novelty import FAR, Novelty
from edge_runtime.vocabulary import Ne107State
from tests.models.tiny_bundle import build_tiny_bundle, tiny_machine, window_of

MACHINE = tiny_machine()


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return open_bundle(build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")).manifest


def basis(manifest, component, *, silent=(), novelty=None):
    part = MACHINE.components[MACHINE.component_index[component]]
    return basis_of(MACHINE, manifest, part, window_of(MACHINE, silent=silent), novelty or {})


def test_a_component_is_judged_by_its_condition_and_the_calibration_of_that(manifest):
    condition = MACHINE.condition_of("pump")
    inside = Novelty(0.5)
    assert basis(manifest, "pump") == Basis(condition, manifest.conditions["pump"], None)
    assert basis(manifest, "pump", novelty={"pump": inside}).novelty is inside


def test_nobody_asked_for_a_component_without_a_condition(manifest):
    assert basis(manifest, "tank") == Silence(Ne107State.NORMAL, "the machine file has no condition for this component")


def test_a_condition_that_the_model_does_not_know_is_check_function(manifest):
    known = {name: value for name, value in manifest.conditions.items() if name != "valve"}
    valve = basis(manifest.model_copy(update={"conditions": known}), "valve")
    assert valve.state is Ne107State.CHECK_FUNCTION
    assert "was not trained on condition 'valve'" in valve.reason
    assert isinstance(basis(manifest, "pump"), Basis)


def test_levels_in_another_order_than_trained_are_not_guessed_at(manifest):
    turned = manifest.conditions["pump"].model_copy(update={"labels": ("2", "1", "0")})
    pump = basis(manifest.model_copy(update={"conditions": {"pump": turned}}), "pump")
    assert "levels 0, 1, 2 in the machine file" in pump.reason
    assert "trained on 2, 1, 0" in pump.reason


def test_silent_sensors_silence_their_own_component_and_no_other(manifest):
    silent = ("FS1", "PS1")
    valve = basis(manifest, "valve", silent=silent)
    assert valve.state is Ne107State.CHECK_FUNCTION
    assert "only 0% of the data of its sensors" in valve.reason
    assert "check PS1, FS1" in valve.reason
    assert isinstance(basis(manifest, "pump", silent=silent), Basis), "half of its sensors is enough"


def test_a_component_without_sensors_is_silent_when_the_machine_nearly_is(manifest):
    accumulator = basis(manifest, "accumulator", silent=("FS1", "PS1", "EPS1"))
    assert "only 25% of the machine's data" in accumulator.reason


def test_signals_far_from_training_are_out_of_specification(manifest):
    far = Novelty(FAR, "PS1 400 bar")
    pump = basis(manifest, "pump", novelty={"pump": far})
    assert (pump.state, pump.novelty) == (Ne107State.OUT_OF_SPECIFICATION, far)
    assert pump.reason.endswith("was trained on: PS1 400 bar")
    assert isinstance(basis(manifest, "valve", novelty={"pump": far}), Basis)
