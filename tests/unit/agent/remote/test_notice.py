from datetime import UTC, datetime

from agent.remote.document import RemoteDocument
from agent.remote.notice import notices
from agent.remote.trial import Trial
from edge_runtime.alert import AlertState
from edge_runtime.diagnosis import ModelIdentity

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MODEL = ModelIdentity(name="tiny", version="1.0.0", release=1, sha256="0" * 64)


def heard(trial, standing=()):
    return notices(trial.history, standing, machine="tiny", model=MODEL, now=NOW)


def activated(version, before=None):
    document = RemoteDocument(addressee="tiny", version=version, text="{}")
    return (before or Trial()).activated(document, probation_s=1, watched=())


def test_a_document_that_was_rolled_back_raises_an_alert_with_the_reason():
    (alert,) = heard(activated(3).rolled_back("source plc at fault"))
    assert (alert.component, alert.kind, alert.state) == ("box", "remote-settings", AlertState.RAISED)
    assert alert.message == "settings version 3 rolled back: source plc at fault"
    assert alert.raised_at == NOW


def test_heard_again_after_a_crash_it_is_the_same_alert():
    rolled_back = activated(3).rolled_back("source plc at fault")
    assert heard(rolled_back)[0].id == heard(rolled_back)[0].id != heard(activated(4).rolled_back(""))[0].id


def test_the_next_document_that_is_kept_clears_it():
    (raised,) = heard(activated(3).rolled_back("bad"))
    (cleared,) = heard(activated(4).stood(1), standing=[raised])
    assert (cleared.id, cleared.state, cleared.cleared_at) == (raised.id, AlertState.CLEARED, NOW)


def test_raised_and_cleared_in_one_go_are_both_heard():
    states = [alert.state for alert in heard(activated(4, activated(3).rolled_back("bad")).stood(1))]
    assert states == [AlertState.RAISED, AlertState.CLEARED]


def test_alerts_of_others_are_left_alone():
    (raised,) = heard(activated(3).rolled_back("bad"))
    other = raised.model_copy(update={"id": "pump-leakage", "component": "pump"})
    assert heard(activated(4).stood(1), standing=[other]) == []
