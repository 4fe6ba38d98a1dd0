import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.remote.document import RemoteDocument
from agent.remote.trial import EVENTS_KEPT, STARTS_ON_PROBATION, Trial, TrialAction


def document(version, addressee="tiny"):
    return RemoteDocument(addressee=addressee, version=version, text="{}")


def on_probation(version=1, before=None):
    return (before or Trial()).activated(document(version), probation_s=10, watched=("plc",))


def confirmed(version=1):
    return on_probation(version).stood(10)


def actions(trial):
    return [event.action for event in trial.history]


def test_time_that_the_sources_stand_it_ends_the_probation():
    trial = on_probation().stood(4)
    assert trial.probation.left_s == 6
    assert trial.stood(6).probation is None
    assert actions(trial.stood(6)) == [TrialAction.ACTIVATED, TrialAction.CONFIRMED]


def test_the_way_back_leads_to_the_former_document_and_then_to_none():
    trial = on_probation(2, confirmed(1)).rolled_back("plc is silent")
    assert trial.active == document(1)
    assert trial.probation is None
    assert trial.history[-1].reason == "plc is silent"
    assert trial.rolled_back("again").active is None
    assert trial.rolled_back("again").rolled_back("and again") == trial.rolled_back("again")


def test_starts_on_probation_are_counted_and_the_last_one_goes_back():
    trial = on_probation(2, confirmed(1))
    for _ in range(STARTS_ON_PROBATION):
        trial = trial.started()
        assert trial.active == document(2)
    assert trial.started().active == document(1)


def test_starts_without_a_probation_change_nothing():
    assert confirmed().started() == confirmed()


def test_versions_are_counted_by_addressee():
    trial = on_probation(7).refused(document(4, "press-line"), "wrong")
    assert (trial.highest_for("tiny"), trial.highest_for("press-line"), trial.highest_for("other")) == (7, 4, 0)


def test_what_happened_is_reported_once():
    trial = on_probation().rolled_back("silent")
    assert trial.unreported == 2
    assert trial.reported().unreported == 0


STEPS = st.sampled_from(["activate", "refuse", "start", "stand", "roll back", "report"])


@given(st.lists(STEPS, max_size=60))
def test_whatever_happens_versions_only_rise_and_probation_is_of_the_active_one(steps):
    trial, version = Trial(), 0
    for step in steps:
        highest = trial.highest_for("tiny")
        match step:
            case "activate" if trial.probation is None:
                version += 1
                trial = on_probation(version, trial)
            case "refuse" if trial.probation is None:
                version += 1
                trial = trial.refused(document(version), "wrong")
            case "start":
                trial = trial.started()
            case "stand":
                trial = trial.stood(6)
            case "roll back":
                trial = trial.rolled_back("bad")
            case "report":
                trial = trial.reported()
        assert trial.highest_for("tiny") >= highest
        assert trial.highest_for("tiny") == version
        assert trial.probation is None or trial.active is not None
        assert trial.previous is None or trial.previous.version < trial.active.version
        assert trial.unreported <= len(trial.history) <= EVENTS_KEPT
        assert Trial.model_validate_json(trial.model_dump_json()) == trial


@pytest.mark.parametrize("left", [0, -1])
def test_a_probation_without_time_is_none(left):
    with pytest.raises(ValueError, match="left_s"):
        Trial.model_validate({"probation": {"left_s": left}})
