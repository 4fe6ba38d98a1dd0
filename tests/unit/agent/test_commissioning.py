import itertools
from dataclasses import replace

import pytest

from agent.commissioning import Apprentice, Unfit, learn, unfit_reason
from edge_runtime.baseline.document import BaselineSource
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.errors import BaselineError
from tests.models.tiny_bundle import build_tiny_bundle
from tests.models.working_machine import CREATED, MACHINE, window_at
from tests.tiny_agent import load_diagnoser

FAULTY = {3, 7}


@pytest.fixture(scope="module")
def healthy_model(tmp_path_factory) -> Diagnoser:
    return load_diagnoser(build_tiny_bundle(tmp_path_factory.mktemp("healthy") / "bundle", level_bias=-20.0))


@pytest.fixture(scope="module")
def failed_model(tmp_path_factory) -> Diagnoser:
    return load_diagnoser(build_tiny_bundle(tmp_path_factory.mktemp("failed") / "bundle", level_bias=20.0))


@pytest.fixture(scope="module")
def judged(healthy_model, failed_model):
    """Twelve windows, two of which the model takes for faulty, and one in which a sensor is silent."""
    windows = [window_at(number, silent=("FS1",) if number == 5 else ()) for number in range(12)]
    return [
        (window, (failed_model if number in FAULTY else healthy_model).diagnose(window))
        for number, window in enumerate(windows)
    ]


def test_a_window_says_why_it_is_not_one_to_learn_from(judged):
    reasons = [unfit_reason(MACHINE, *item) for item in judged]
    assert {number for number, reason in enumerate(reasons) if reason} == FAULTY | {5}
    assert reasons[3] == "pump at 2, accumulator at 90, valve at 73"
    assert reasons[5] == "FS1 silent"
    assert unfit_reason(MACHINE, judged[0][0], None) == "without a diagnosis"
    fewer = replace(judged[0][0], channels=judged[0][0].channels[1:])
    assert "other sensors" in unfit_reason(MACHINE, fewer, judged[0][1])


def test_learning_is_refused_with_numbers_reasons_and_ways_out(judged):
    with pytest.raises(BaselineError, match="3 of 12 windows don't look healthy") as refused:
        learn(MACHINE, judged, created=CREATED)
    assert "2 × pump at 2, accumulator at 90, valve at 73; 1 × FS1 silent" in str(refused.value)
    assert "--leave-out-unfit learns from the other 9, --force from all" in refused.value.hint


@pytest.mark.parametrize(("unfit", "windows"), [(Unfit.LEAVE_OUT, 9), (Unfit.TAKE, 12)])
def test_what_is_unfit_is_left_out_or_taken_when_that_is_asked_for(judged, unfit, windows):
    baseline = learn(MACHINE, judged, created=CREATED, unfit=unfit)
    assert (baseline.windows, baseline.source) == (windows, BaselineSource.COMMISSIONING)


def test_windows_of_other_sensors_are_never_taken(judged):
    fewer = replace(judged[0][0], channels=judged[0][0].channels[1:])
    baseline = learn(MACHINE, [*judged, (fewer, judged[0][1])], created=CREATED, unfit=Unfit.TAKE)
    assert baseline.windows == 12


def test_many_windows_are_learned_batch_by_batch(judged, monkeypatch):
    monkeypatch.setattr("agent.commissioning.BATCH", 4)
    baseline = learn(MACHINE, iter(judged), created=CREATED, unfit=Unfit.TAKE)
    assert baseline.windows == baseline.regimes[0].windows == 12
    assert baseline.regimes[0].sensors["FS1"].windows == 11


def test_no_window_is_an_error():
    with pytest.raises(BaselineError, match="no window to learn from"):
        learn(MACHINE, [], created=CREATED)


def test_an_apprentice_takes_the_first_fit_windows_and_no_more(judged):
    apprentice = Apprentice(MACHINE, needed=6)
    apprentice.watch(judged[:6])
    assert (apprentice.collected, apprentice.learned(CREATED)) == (4, None)
    apprentice.watch(itertools.chain(judged[6:], judged))
    baseline = apprentice.learned(CREATED)
    assert (baseline.windows, baseline.source) == (6, BaselineSource.ASSUMED)
    assert baseline.last == judged[8][1].window_end


def test_an_apprentice_starts_anew_when_the_windows_become_of_another_length(judged):
    apprentice = Apprentice(MACHINE, needed=2)
    apprentice.watch((replace(window, end_us=window.start_us + 30_000_000), said) for window, said in judged[:1])
    apprentice.watch(judged[1:2])
    assert apprentice.collected == 1
    apprentice.watch(judged[2:3])
    assert apprentice.learned(CREATED).window_s == 60
