from agent.store.store import Store
from edge_runtime.alert import Alert, AlertState
from tests.stored import alert, diagnosis, window


def clear(box):
    """A leak that came and went, beside what stands."""
    with Store.open(box.folder / "data" / "store.db", "boot-2") as store:
        store.record(window(1), diagnosis(1), [alert("leak", 1)])
        store.record(window(2), diagnosis(2), [alert("leak", 2, AlertState.CLEARED)])


def alerts_of(box, *options):
    return [Alert.model_validate(document) for document in box.json("alerts", *options)]


def test_what_stands_is_shown_with_what_to_do(recorded):
    result = recorded.run("alerts")
    assert result.exit_code == 0
    lines = [line for line in result.stdout.splitlines() if line.startswith("2026-01-01 00:01")]
    assert len(lines) == 3
    assert all("stands" in line and "failure" in line for line in lines)
    actions = [alert.action for alert in alerts_of(recorded) if alert.action]
    assert actions
    for action in actions:
        assert action in result.stdout


def test_what_is_cleared_stands_no_more(recorded):
    clear(recorded)
    assert {alert.component for alert in alerts_of(recorded)} == {"pump", "valve", "accumulator"}
    assert "leak" not in {alert.id for alert in alerts_of(recorded)}


def test_the_history_holds_what_came_and_went(recorded):
    clear(recorded)
    leak = [alert.state for alert in alerts_of(recorded, "--history") if alert.id == "leak"]
    assert sorted(leak) == [AlertState.CLEARED, AlertState.RAISED]
    assert "1970-01-01 00:02" in recorded.run("alerts", "--history").stdout
    assert len(alerts_of(recorded, "--history", "--last", "1")) == 1


def test_when_none_stands_it_says_so(box):
    box.record(windows=0)
    assert box.run("alerts").stdout.strip() == "No alert stands."
    assert box.json("alerts") == []
