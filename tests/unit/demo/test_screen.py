"""The demo's lines: aligned, and honest about what was diagnosed wrongly."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from demo.reconciliation import Count
from demo.screen import Screen
from edge_runtime.alert import Alert, AlertState
from edge_runtime.diagnosis import ComponentDiagnosis, Diagnosis, ModelIdentity
from edge_runtime.errors import DemoError
from edge_runtime.machine import Machine
from edge_runtime.vocabulary import Ne107State
from tests.models.tiny_bundle import tiny_machine

START = datetime(2015, 1, 1, 4, 9, tzinfo=UTC)
MODEL = ModelIdentity(name="tiny", version="1.2.3", release=4, sha256="0" * 64)


@pytest.fixture
def machine() -> Machine:
    return tiny_machine()


def shown(screen_call: str, machine: Machine, *arguments: object) -> list[str]:
    text = io.StringIO()
    screen = Screen(machine, 3, Console(file=text, highlight=False, soft_wrap=True))
    getattr(screen, screen_call)(*arguments)
    return text.getvalue().splitlines()


def diagnosis(machine: Machine, levels: dict[str, str]) -> Diagnosis:
    components = [
        ComponentDiagnosis(
            component=component.name,
            type=component.type,
            level=levels.get(component.name),
            ne107=Ne107State.NORMAL,
            abstained=component.name not in levels,
        )
        for component in machine.components
    ]
    return Diagnosis(
        machine=machine.name,
        window_start=START,
        window_end=START + timedelta(minutes=1),
        overall_health=0.5,
        components=tuple(components),
        completeness=1,
        model=MODEL,
        inference_ms=1.25,
    )


def test_a_line_names_right_wrong_and_undecided_levels(machine: Machine):
    said = diagnosis(machine, {"pump": "1", "valve": "100"})
    (line,) = shown("diagnosis", machine, said, {"pump": 2, "valve": 100, "accumulator": 130}, 7)
    assert " ".join(line.split()) == "01-01 04:10:00 1 (is 2) 100 ✓ unsure 0.50 1.2.3 1.2 ms 7"


def test_columns_stand_under_their_headings(machine: Machine):
    heading = shown("heading", machine)[-1]
    (line,) = shown("diagnosis", machine, diagnosis(machine, {"pump": "2", "valve": "73"}), {}, 123)
    assert line.index("2  ") == heading.index("pump")
    assert line.index("73") == heading.index("valve")
    assert line.index("1.2.3") == heading.index("model")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (AlertState.RAISED, "04:10:00  ALERT out of specification: pump at 2"),
        (AlertState.CLEARED, "04:12:00  ALERT over: pump leakage"),
    ],
)
def test_an_alert_is_shown_at_the_time_it_changed(machine: Machine, state: AlertState, text: str):
    alert = Alert(
        id="a",
        machine="tiny",
        component="pump",
        kind="leakage",
        state=state,
        severity=Ne107State.OUT_OF_SPECIFICATION,
        message="pump at 2",
        raised_at=START + timedelta(minutes=1),
        cleared_at=None if state is AlertState.RAISED else START + timedelta(minutes=3),
        model=MODEL,
    )
    (line,) = shown("alert", machine, alert)
    assert line.endswith(text)


def test_the_summary_shows_every_figure(machine: Machine):
    text = "\n".join(shown("summary", machine, [Count("readings", 42_840, 42_839, 1, 0, 0)]))
    assert all(part in text for part in ("readings", "42,840", "42,839", "missing", "twice"))


def test_a_failure_says_what_to_do(machine: Machine):
    lines = shown("failure", machine, DemoError("no [broker]", hint="start one"))
    assert lines[-2:] == ["The demo failed: no [broker]", "start one"]


def test_lines_are_not_wrapped_without_a_terminal(machine: Machine):
    assert len(shown("note", machine, "x" * 500)) == 1
