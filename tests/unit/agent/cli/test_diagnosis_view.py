from agent.cli.diagnosis_view import show_abstentions, show_diagnosis
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.diagnoser import Diagnoser
from tests.models.tiny_bundle import build_tiny_bundle, tiny_machine, window_of


def diagnosed(tmp_path, **changed):
    """A diagnosis whose pump was changed."""
    bundle = open_bundle(build_tiny_bundle(tmp_path / "tiny"))
    diagnosis = Diagnoser(tiny_machine(), bundle, OnnxBackend(bundle.model_path)).diagnose(window_of(tiny_machine()))
    return with_pump(diagnosis, **changed)


def with_pump(diagnosis, **changed):
    components = tuple(
        item.model_copy(update=changed) if item.component == "pump" else item for item in diagnosis.components
    )
    return diagnosis.model_copy(update={"components": components})


def shown(tmp_path, capsys, **changed):
    """What is printed of it."""
    show_diagnosis(diagnosed(tmp_path, **changed))
    return " ".join(capsys.readouterr().out.split())


def test_a_window_outside_of_the_training_says_what_is_unusual(tmp_path, capsys):
    caution = "outside of the training: TS1 71 °C, trained on 35–61 °C"
    assert f"pump {caution}; the model is less sure of it" in shown(tmp_path, capsys, caution=caution)


def test_an_abstention_says_why(tmp_path, capsys):
    reason = "unlike anything that model tiny 1.0.0 was trained on: PS1 0 bar, trained on 150–170 bar"
    assert f"pump abstains: {reason}" in shown(tmp_path, capsys, reason=reason, abstained=True, level=None)


def test_of_many_windows_it_is_said_once_why_a_component_was_not_judged(tmp_path, capsys):
    judged = diagnosed(tmp_path)
    silent = with_pump(judged, reason="no data", abstained=True)
    show_abstentions([judged, silent, silent, with_pump(judged, reason="unlike any", abstained=True)])
    said = " ".join(capsys.readouterr().out.split())
    assert "pump abstains in 2 of 4 windows: no data; in 1 for other reasons: --json" in said
    show_abstentions([with_pump(judged, reason=None)])
    assert "pump" not in capsys.readouterr().out


def test_the_overall_health_says_of_how_many_components_it_is(tmp_path, capsys):
    assert "of 2 of" not in shown(tmp_path, capsys)
    said = shown(tmp_path / "again", capsys, reason="no data", abstained=True, level=None)
    assert "% of 2 of 3 components data" in said
