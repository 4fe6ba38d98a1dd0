from agent.cli.diagnosis_view import show_diagnosis
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.diagnoser import Diagnoser
from tests.models.tiny_bundle import build_tiny_bundle, tiny_machine, window_of


def shown(tmp_path, capsys, **changed):
    """What is printed of a diagnosis whose pump was changed."""
    bundle = open_bundle(build_tiny_bundle(tmp_path / "tiny"))
    diagnosis = Diagnoser(tiny_machine(), bundle, OnnxBackend(bundle.model_path)).diagnose(window_of(tiny_machine()))
    components = tuple(
        item.model_copy(update=changed) if item.component == "pump" else item for item in diagnosis.components
    )
    show_diagnosis(diagnosis.model_copy(update={"components": components}))
    return " ".join(capsys.readouterr().out.split())


def test_a_window_outside_of_the_training_says_what_is_unusual(tmp_path, capsys):
    caution = "outside of the training: TS1 71 °C, trained on 35–61 °C"
    assert f"pump {caution}; the model is less sure of it" in shown(tmp_path, capsys, caution=caution)


def test_an_abstention_says_why(tmp_path, capsys):
    reason = "unlike anything that model tiny 1.0.0 was trained on: PS1 0 bar, trained on 150–170 bar"
    assert f"pump abstains: {reason}" in shown(tmp_path, capsys, reason=reason, abstained=True, level=None)
