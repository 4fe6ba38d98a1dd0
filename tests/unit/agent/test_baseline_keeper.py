"""The baseline in the running agent: taken up, refused, learned by itself."""

import pytest
from structlog.testing import capture_logs

from agent.alerts import AlertTracker
from agent.baseline_keeper import PART, BaselineKeeper
from agent.pipeline import Pipeline
from agent.settings import AlertSettings
from agent.status import AgentStatus
from agent.store.reader import StoreReader
from agent.store.store import Store
from edge_runtime.baseline.document import BaselineSource
from edge_runtime.baseline.shelf import STATE_FILE, BaselineShelf
from edge_runtime.diagnosis import BaselineOrigin
from tests.models.readings import readings_of
from tests.models.tiny_bundle import WINDOW_US, build_tiny_bundle
from tests.models.working_machine import CREATED, MACHINE, baseline_of, window_at
from tests.tiny_agent import load_diagnoser

BASELINE = baseline_of([window_at(number) for number in range(6)])
NOW_US = round(CREATED.timestamp() * 1e6)


@pytest.fixture(scope="module")
def diagnoser(tmp_path_factory):
    return load_diagnoser(build_tiny_bundle(tmp_path_factory.mktemp("healthy") / "bundle", level_bias=-20.0))


@pytest.fixture
def shelf(tmp_path):
    return BaselineShelf(tmp_path / "baseline")


@pytest.fixture
def status():
    return AgentStatus()


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store.db", "boot") as store:
        yield store


@pytest.fixture
def make_box(shelf, status, store, diagnoser):
    """A pipeline over the store, as after a start of the agent; gives what diagnoses windows by their numbers."""

    def make_box(assume_healthy=None):
        keeper = BaselineKeeper(shelf, MACHINE, status, lambda: NOW_US, assume_healthy)
        pipeline = Pipeline(MACHINE, store, diagnoser, AlertTracker(MACHINE, AlertSettings()), 0, keeper)

        def diagnose(numbers, **changes):
            outcomes = []
            for number in numbers:
                pipeline.store_readings(readings_of(window_at(number, **changes)))
                pipeline.store_readings(readings_of(window_at(number + 1, **changes))[:4])
                while outcome := pipeline.diagnose_next():
                    outcomes.append(outcome.diagnosis)
            return outcomes

        return diagnose

    return make_box


def condition(status):
    return status.snapshot().conditions.get(PART)


def test_without_a_baseline_there_is_nothing_to_say(make_box, status):
    (diagnosis,) = make_box()(range(1))
    assert diagnosis.baseline is None
    assert condition(status) is None


def test_a_baseline_is_taken_up_changed_and_given_up_between_two_windows(make_box, shelf, status):
    diagnose = make_box()
    versions = [diagnose([10])[0].baseline]
    shelf.add(BASELINE)
    versions.append(diagnose([11])[0].baseline.version)
    shelf.add(BASELINE)
    versions.append(diagnose([12])[0].baseline.version)
    assert condition(status).message == "version 2 is in use"
    shelf.forget()
    versions.append(diagnose([13])[0].baseline)
    assert versions == [None, 1, 2, None]
    assert condition(status) is None


def test_evidence_is_this_machines_own(make_box, shelf):
    shelf.add(BASELINE)
    (diagnosis,) = make_box()([20], pressure=150)
    (pressure,) = (item for item in diagnosis.component("pump").evidence if item.sensor == "PS1")
    assert (pressure.baseline, pressure.expected) == (BaselineOrigin.MACHINE, pytest.approx(160, abs=0.2))


@pytest.mark.parametrize("damage", ["the state", "another machine's"])
def test_a_baseline_that_cannot_be_used_is_said_once_and_diagnosis_goes_on(make_box, shelf, status, tmp_path, damage):
    if damage == "the state":
        shelf.add(BASELINE)
        (tmp_path / "baseline" / STATE_FILE).write_text("{")
    else:
        shelf.add(BASELINE.model_copy(update={"machine": "press"}))
    diagnose = make_box()
    with capture_logs() as logs:
        diagnoses = diagnose(range(20, 23))
    assert [item.baseline for item in diagnoses] == [None] * 3
    assert not condition(status).healthy
    assert "hydrosight baseline" in condition(status).hint or damage != "the state"
    assert sum(entry["event"] == "part_failed" for entry in logs) == 1
    shelf.restore(shelf.add(BASELINE).version)
    assert diagnose([23])[0].baseline is not None
    assert condition(status).healthy


def test_a_machine_that_is_assumed_healthy_is_learned_once(make_box, shelf):
    diagnose = make_box(assume_healthy=6)
    diagnoses = diagnose(range(8))
    learned = shelf.active()
    assert (learned.source, learned.windows, learned.created) == (BaselineSource.ASSUMED, 6, CREATED)
    assert [item.baseline is not None for item in diagnoses] == [False] * 6 + [True] * 2
    diagnose(range(8, 16))
    assert shelf.versions == (1,)


def test_a_restart_goes_on_collecting(make_box, shelf):
    make_box(assume_healthy=6)(range(3))
    diagnoses = make_box(assume_healthy=6)(range(4, 8))
    assert shelf.active().windows == 6
    assert diagnoses[-1].baseline is not None


def test_a_long_record_is_gone_through_bit_by_bit(make_box, shelf, store, monkeypatch):
    make_box()(range(8), silent=("FS1",))
    monkeypatch.setattr("agent.baseline_keeper.CATCH_UP", 3)
    looked_at = []

    def judged_windows(*asked):
        looked_at.append([])
        for window, diagnosis in StoreReader.judged_windows(store, *asked):
            looked_at[-1].append(window.start_us // WINDOW_US)
            yield window, diagnosis

    monkeypatch.setattr(store, "judged_windows", judged_windows, raising=False)
    make_box(assume_healthy=5)(range(10, 20))
    numbers = [number for some in looked_at for number in some]
    assert max(map(len, looked_at)) == 3
    assert numbers == sorted(set(numbers))
    assert shelf.active().windows == 5


def test_what_does_not_look_healthy_is_not_assumed_to_be(make_box, shelf):
    diagnose = make_box(assume_healthy=5)
    diagnose(range(4), silent=("FS1",))
    diagnose(range(6, 10))
    assert shelf.active() is None
    diagnose([12])
    assert shelf.active().first.minute == 6


def test_what_was_forgotten_is_not_learned_again_by_itself(make_box, shelf):
    shelf.add(BASELINE)
    shelf.forget()
    make_box(assume_healthy=5)(range(8))
    assert shelf.active() is None
    assert shelf.versions == (1,)


def test_where_it_cannot_be_kept_it_is_tried_again(make_box, shelf, status, tmp_path):
    (tmp_path / "baseline").write_text("in the way")
    diagnose = make_box(assume_healthy=5)
    diagnose(range(6))
    assert "can't be changed" in condition(status).message
    (tmp_path / "baseline").unlink()
    diagnose([7])
    assert shelf.active().windows == 5
    assert diagnose([9])[-1].baseline.version == 1
    assert condition(status).healthy
