from datetime import UTC, datetime

from agent.model_notice import notices
from edge_runtime.alert import AlertState
from edge_runtime.slot_state import SlotContent, SlotState

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def filled(release, before=None):
    content = SlotContent(name="rig", version=f"1.{release}.0", release=release, sha256=f"{release:064x}")
    return (before or SlotState()).filling().filled(content)


def heard(state, standing=()):
    return notices(state, standing, machine="press-7", now=NOW)


KEPT = filled(1).activated(0).confirmed()


def test_a_model_that_was_refused_raises_an_alert_that_names_it_and_the_reason():
    (alert,) = heard(filled(2, KEPT).rejected("golden windows differ by 0.3"))
    assert (alert.component, alert.kind, alert.state) == ("box", "model-update", AlertState.RAISED)
    assert alert.message == "model rig 1.2.0 refused: golden windows differ by 0.3"
    assert (alert.model.name, alert.model.version, alert.model.release) == ("rig", "1.2.0", 2)
    assert alert.machine == "press-7"


def test_a_model_that_fails_on_probation_does_too():
    (alert,) = heard(filled(2, KEPT).activated(10).rolled_back("no window"))
    assert alert.message == "model rig 1.2.0 rolled back: no window"


def test_what_stands_is_not_raised_again():
    state = filled(2, KEPT).rejected("bad")
    assert heard(state, heard(state)) == []


def test_a_second_one_that_fails_is_raised_beside_the_first_whose_slot_it_took():
    first = filled(2, KEPT).rejected("bad")
    standing = heard(first)
    both = filled(3, first).rejected("bad too")
    assert [alert.model.release for alert in heard(both, standing)] == [3]


def test_the_next_model_that_is_kept_clears_all():
    first = filled(2, KEPT).rejected("bad")
    standing = heard(first)
    on_probation = filled(3, first).activated(1)
    assert heard(on_probation, standing) == []
    (cleared,) = heard(on_probation.window_recorded(), standing)
    assert (cleared.id, cleared.state, cleared.cleared_at) == (standing[0].id, AlertState.CLEARED, NOW)
    assert heard(on_probation.window_recorded()) == []


def test_alerts_of_others_are_left_alone():
    (raised,) = heard(filled(2, KEPT).rejected("bad"))
    other = raised.model_copy(update={"id": "pump-leakage", "component": "pump"})
    assert heard(KEPT, [other]) == []
