from pathlib import Path

import pytest

from edge_runtime.advice import load_advice
from edge_runtime.diagnosis import ComponentDiagnosis, Due, SeverityClass
from edge_runtime.fault_table import is_possible
from edge_runtime.machine_file import load_machine
from edge_runtime.recommend import recommend
from edge_runtime.vocabulary import ComponentType, FaultMode, Ne107State

MACHINES = sorted((Path(__file__).parents[3] / "configs" / "machines").glob("*.yaml"))


def unwell(component, state, health=0.5, fault=FaultMode.LEAKAGE, kind=ComponentType.GEAR_PUMP):
    faults = {} if fault is None else {fault: 0.9}
    return ComponentDiagnosis(component=component, type=kind, health=health, fault_probabilities=faults, ne107=state)


def test_nothing_is_recommended_for_what_is_normal():
    assert recommend([unwell("pump", Ne107State.NORMAL)]) == ()


def test_most_urgent_first_then_worst_health():
    found = recommend(
        [
            unwell("a", Ne107State.MAINTENANCE_REQUIRED, 0.6),
            unwell("b", Ne107State.FAILURE, 0.2),
            unwell("c", Ne107State.FAILURE, 0.1),
            unwell("d", Ne107State.OUT_OF_SPECIFICATION, 0.3),
        ]
    )
    assert [item.component for item in found] == ["c", "b", "d", "a"]


def test_advice_is_for_the_fault_and_kind_of_component():
    (pump,) = recommend([unwell("pump", Ne107State.FAILURE)])
    (cylinder,) = recommend([unwell("lift", Ne107State.FAILURE, kind=ComponentType.CYLINDER)])
    assert "case drain" in pump.check
    assert "piston" in cylinder.check


def test_without_a_fault_the_component_is_to_be_looked_at():
    (found,) = recommend([unwell("pump", Ne107State.FAILURE, fault=None)])
    assert found.action == "Inspect the component."


def test_what_could_not_be_judged_says_what_it_lacks():
    silent = ComponentDiagnosis(
        component="valve",
        type=ComponentType.DIRECTIONAL_VALVE,
        ne107=Ne107State.CHECK_FUNCTION,
        abstained=True,
        reason="only 0% of the data of its sensors is there; check PS2",
    )
    (found,) = recommend([silent])
    assert (found.urgency, found.check) == (Ne107State.CHECK_FUNCTION, silent.reason)


def test_it_says_by_when():
    (failed,) = recommend([unwell("pump", Ne107State.FAILURE)])
    (worn,) = recommend([unwell("pump", Ne107State.MAINTENANCE_REQUIRED)])
    assert (failed.due, worn.due) == (Due.AT_ONCE, Due.NEXT_SERVICE)


def test_severe_damage_has_another_action():
    severe = unwell("pump", Ne107State.FAILURE, 0.2).model_copy(update={"severity": SeverityClass.SEVERE})
    (found,) = recommend([severe])
    assert found.action.startswith("Replace or overhaul the pump;")


def test_an_operators_rule_is_followed(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("schema_version: 1\nrules: [{action: Call the workshop., check: Look at it first.}]")
    (found,) = recommend([unwell("pump", Ne107State.FAILURE)], load_advice(path))
    assert (found.action, found.check) == ("Call the workshop.", "Look at it first.")


def test_only_valves_stick():
    kinds = {kind for kind in ComponentType if is_possible(kind, FaultMode.VALVE_STICTION)}
    assert all(kind.endswith("valve") for kind in kinds)
    assert len(kinds) == 4


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_shipped_machines_name_faults_that_their_components_can_have(path):
    machine = load_machine(path)
    kinds = {component.name: component.type for component in machine.components}
    assert [c.name for c in machine.conditions if not is_possible(kinds[c.component], c.fault)] == []
