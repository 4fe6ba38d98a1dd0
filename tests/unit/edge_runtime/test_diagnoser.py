from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from edge_runtime.backends.base import FAULT_LOGITS, LEVEL_LOGITS, ModelOutput
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.calibration import level_probabilities
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.diagnosis import BaselineOrigin, BaselineReference, Diagnosis, SeverityClass
from edge_runtime.graph import GraphSample
from edge_runtime.novelty import ENTRIES, TrainedRegion
from edge_runtime.prognosis.history import HOUR_US, HealthHistory
from edge_runtime.vocabulary import FaultMode, Ne107State
from tests.models.tiny_bundle import build_tiny_bundle, tiny_machine, window_of
from tests.models.working_machine import IDLING_W, baseline_of, window_at

PUMP = 1


class Fixed:
    """A backend that says the same of every node of every sample, and counts its calls."""

    name, inputs = "fixed", GraphSample.REQUIRED

    def __init__(self, level_logits, fault_logit=0.0):
        self.level_logits, self.fault_logit, self.calls = level_logits, fault_logit, 0

    def run(self, sample):
        self.calls += 1
        return ModelOutput(
            np.tile(np.float32(self.level_logits), (sample.nodes, 1)),
            np.full((sample.nodes, FAULT_LOGITS), self.fault_logit, np.float32),
        )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return open_bundle(build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny"))


@pytest.fixture
def machine():
    return tiny_machine()


def diagnose(machine, bundle, level_logits=(-9.0,) * LEVEL_LOGITS, window=None, history=None, fault_logit=0.0):
    diagnoser = Diagnoser(machine, bundle, Fixed(level_logits, fault_logit))
    return diagnoser.diagnose(window or window_of(machine), history or HealthHistory())


def test_health_is_the_mean_health_of_the_levels_by_their_probability(machine, bundle):
    logits = (0.6, -0.3, 0.0, 0.0)
    pump = diagnose(machine, bundle, logits).component("pump")
    expected = level_probabilities(logits, 3, temperature=1.5)
    assert pump.health == pytest.approx(float(expected @ [1.0, 0.6, 0.2]))
    assert list(pump.level_probabilities.values()) == pytest.approx(expected.tolist())
    assert list(pump.level_probabilities) == ["0", "1", "2"]
    assert pump.confidence == pytest.approx(expected.max())
    assert pump.level == str(expected.argmax())


@pytest.mark.parametrize(
    ("logits", "level", "state", "severity"),
    [
        ((-9, 0, 0, 0), "0", Ne107State.NORMAL, SeverityClass.NONE),
        ((9, -9, 0, 0), "1", Ne107State.MAINTENANCE_REQUIRED, SeverityClass.MODERATE),
        ((9, 9, 0, 0), "2", Ne107State.FAILURE, SeverityClass.SEVERE),
    ],
)
def test_state_and_severity_follow_the_level(machine, bundle, logits, level, state, severity):
    pump = diagnose(machine, bundle, logits).component("pump")
    assert (pump.level, pump.ne107, pump.severity) == (level, state, severity)
    assert pump.conformal_set == (level,)


def test_an_unsure_model_gives_a_larger_set(machine, bundle):
    assert diagnose(machine, bundle, (0.5, 0.1, 0, 0)).component("pump").conformal_set == ("0", "1", "2")


def test_only_the_fault_of_the_condition_is_reported(machine, bundle):
    diagnosis = diagnose(machine, bundle, fault_logit=np.log(3))
    assert diagnosis.component("pump").fault_probabilities == {FaultMode.LEAKAGE: pytest.approx(0.75)}
    assert diagnosis.component("valve").fault_probabilities == {FaultMode.VALVE_STICTION: pytest.approx(0.75)}


def test_an_impossible_fault_is_not_reported(machine, bundle):
    conditions = tuple(c.model_copy(update={"fault": FaultMode.VALVE_STICTION}) for c in machine.conditions)
    pump = diagnose(machine.model_copy(update={"conditions": conditions}), bundle).component("pump")
    assert pump.fault_probabilities == {}
    assert pump.health is not None


def test_a_component_without_a_condition_abstains_without_an_alarm(machine, bundle):
    tank = diagnose(machine, bundle).component("tank")
    assert tank.abstained
    assert (tank.health, tank.level, tank.severity, tank.confidence) == (None,) * 4
    assert tank.ne107 is Ne107State.NORMAL
    assert "no condition" in tank.reason


def test_a_window_without_any_data_is_an_answer_not_an_error(machine, bundle):
    silent = tuple(sensor.name for sensor in machine.sensors)
    backend = OnnxBackend(bundle.model_path)
    diagnosis = Diagnoser(machine, bundle, backend).diagnose(window_of(machine, silent=silent))
    assert all(item.abstained and not item.evidence for item in diagnosis.components)
    assert (diagnosis.overall_health, diagnosis.completeness) == (None, 0.0)


def test_overall_health_is_near_the_worst_component(machine, bundle):
    sound = diagnose(machine, bundle).overall_health
    failed = diagnose(machine, bundle, (9.0,) * 4)
    assert sound == pytest.approx(1.0, abs=0.01)
    assert min(c.health for c in failed.components if c.health is not None) <= failed.overall_health < 0.2


def test_recommendations_are_for_what_is_not_normal_most_urgent_first(machine, bundle):
    assert diagnose(machine, bundle).recommendations == ()
    urgent = diagnose(machine, bundle, (9.0, -9.0, 0, 0)).recommendations
    assert [item.component for item in urgent] == ["valve", "pump", "accumulator"]


def test_degradation_needs_a_history(machine, bundle):
    hours = np.arange(-240, 0)
    history = HealthHistory({"pump": (hours * HOUR_US, 1.0 - 0.01 * hours / 24)})
    diagnosis = diagnose(machine, bundle, history=history)
    assert diagnosis.component("pump").degradation_per_day == pytest.approx(0.01, abs=1e-3)
    assert diagnosis.component("pump").trend.significant
    assert diagnosis.component("valve").degradation_per_day is None
    assert diagnosis.component("valve").trend.reason == "0.0 days of history, 7 needed"
    assert diagnosis.component("tank").trend is None


def test_health_that_wanders_degrades_by_nothing(machine, bundle):
    hours = np.arange(-240, 0)
    history = HealthHistory({"pump": (hours * HOUR_US, 0.95 + 0.03 * np.sin(hours))})
    pump = diagnose(machine, bundle, history=history).component("pump")
    assert pump.trend.loss_per_day is not None
    assert not pump.trend.significant
    assert pump.degradation_per_day is None


def test_what_a_box_without_trends_wrote_is_read(machine, bundle):
    document = diagnose(machine, bundle, history=HealthHistory()).model_dump(mode="json")
    for component in document["components"]:
        del component["trend"]
    assert Diagnosis.model_validate(document).component("pump").trend is None


def test_many_windows_at_once_have_no_trend(machine, bundle):
    (alone,) = Diagnoser(machine, bundle, Fixed((-9.0,) * LEVEL_LOGITS)).diagnose_many([window_of(machine)])
    assert alone.component("pump").trend is None


def test_many_windows_take_one_inference_and_give_what_each_gives_alone(machine, bundle):
    windows = [window_of(machine, start_us=k * 60_000_000, level=0.1 + 0.1 * k) for k in range(6)]
    windows[2] = window_of(machine, start_us=2 * 60_000_000, silent=("FS1",))
    diagnoser = Diagnoser(machine, bundle, OnnxBackend(bundle.model_path))
    for mine, alone in zip(diagnoser.diagnose_many(windows), map(diagnoser.diagnose, windows), strict=True):
        assert mine.window_start == alone.window_start
        for one, other in zip(mine.components, alone.components, strict=True):
            assert (one.component, one.level, one.ne107, one.abstained) == (
                other.component,
                other.level,
                other.ne107,
                other.abstained,
            )
            assert one.health == (None if other.health is None else pytest.approx(other.health, abs=1e-5))
    counting = Fixed((0.0,) * LEVEL_LOGITS)
    assert len(Diagnoser(machine, bundle, counting).diagnose_many(windows)) == 6
    assert counting.calls == 1
    assert Diagnoser(machine, bundle, counting).diagnose_many([]) == []


def test_names_window_model_and_time_taken(machine, bundle):
    ticks = iter([10.0, 10.25])
    diagnoser = Diagnoser(machine, bundle, Fixed((0.0,) * 4), timer=lambda: next(ticks))
    diagnosis = diagnoser.diagnose(window_of(machine, start_us=1_420_070_400_000_001))
    assert diagnosis.window_start == datetime(2015, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    assert (diagnosis.window_end - diagnosis.window_start).total_seconds() == 60
    assert diagnosis.inference_ms == pytest.approx(250)
    assert (diagnosis.model.name, diagnosis.model.release, diagnosis.model.sha256) == ("tiny", 1, bundle.sha256)
    assert diagnoser.bundle is bundle


def test_its_json_reads_back_as_it_was(machine, bundle):
    diagnosis = diagnose(machine, bundle, (0.3, 0.1, -0.5, 0))
    assert Diagnosis.model_validate_json(diagnosis.model_dump_json()) == diagnosis


def test_the_diagnosis_says_whose_healthy_state_it_was_compared_with(machine, bundle):
    learned = baseline_of([window_at(number) for number in range(10)]).model_copy(update={"version": 3})
    diagnoser = Diagnoser(machine, bundle, Fixed((-9.0,) * LEVEL_LOGITS))
    window = window_at(20, pressure=150)
    assert diagnoser.diagnose(window).baseline is None
    diagnosis = diagnoser.diagnose(window, baseline=learned)
    assert diagnosis.baseline == BaselineReference(
        version=3, created=learned.created, regime="EPS1 2250–3000 W, oil 40–50 °C", windows=10
    )
    assert {item.baseline for item in diagnosis.component("pump").evidence} == {BaselineOrigin.MACHINE}
    idle = diagnoser.diagnose(window_at(21, power=IDLING_W), baseline=learned)
    assert (idle.baseline.regime, idle.baseline.windows) == (None, 0)
    assert {item.baseline for item in idle.component("pump").evidence} == {BaselineOrigin.MODEL}
    assert Diagnosis.model_validate_json(diagnosis.model_dump_json()) == diagnosis


def test_a_diagnosis_from_before_there_were_baselines_can_be_read(machine, bundle):
    document = diagnose(machine, bundle).model_dump(mode="json")
    del document["baseline"]
    for component in document["components"]:
        for item in component["evidence"]:
            del item["baseline"]
    assert Diagnosis.model_validate(document).component("pump").evidence[0].baseline is BaselineOrigin.MODEL


def region(low: float, high: float) -> TrainedRegion:
    """Training in which PS1 stood between two pressures; its course is free."""
    return TrainedRegion(
        sensors=("PS1",),
        low=np.array([[low, 0.0]]),
        high=np.array([[high, 1e3]]),
        centre=np.zeros(ENTRIES),
        scale=np.ones(ENTRIES),
        precision=np.eye(ENTRIES),
        margin=0.1,
        limit=1e9,
    )


def mean_pressure(machine) -> float:
    return float(np.mean(next(c.values for c in window_of(machine).channels if c.sensor == "PS1")))


def test_signals_like_those_of_training_change_nothing(machine, bundle):
    seen = mean_pressure(machine)
    known = replace(bundle, regions={"pump": region(seen - 10, seen + 10)})
    pump, plain = (diagnose(machine, item).component("pump") for item in (known, bundle))
    assert pump.novelty < 0.001
    assert plain.novelty is None
    assert pump.model_copy(update={"novelty": None}) == plain


def test_signals_somewhat_outside_of_training_are_judged_with_less_confidence(machine, bundle):
    seen = mean_pressure(machine)
    near = replace(bundle, regions={"pump": region(seen - 14, seen - 4)})
    pump, plain = (diagnose(machine, item).component("pump") for item in (near, bundle))
    assert pump.novelty == pytest.approx(4, rel=1e-5)
    assert (pump.level, pump.health, pump.ne107) == (plain.level, plain.health, plain.ne107)
    assert pump.confidence == pytest.approx(2 / 3 * plain.confidence + 1 / 3 / 3, rel=1e-4)
    assert pump.conformal_set == ("0", "1", "2")
    assert pump.caution.startswith("outside of the training: PS1 ")


def test_signals_unlike_any_in_training_are_out_of_specification(machine, bundle):
    far = replace(bundle, regions={"pump": region(-20.0, -10.0)})
    diagnosis = diagnose(machine, far)
    pump = diagnosis.component("pump")
    assert (pump.abstained, pump.level, pump.confidence) == (True, None, None)
    assert pump.ne107 is Ne107State.OUT_OF_SPECIFICATION
    assert pump.novelty > 10
    assert "unlike anything that model" in pump.reason
    assert pump.reason.endswith("bar, trained on -20–-10 bar")
    assert not diagnosis.component("valve").abstained, "nothing is known of where the valve's signals were"
    (advice,) = (item for item in diagnosis.recommendations if item.component == "pump")
    assert "record and label it" in advice.action
    assert advice.check == pump.reason
