import pytest

from edge_runtime.advice import SHIPPED, load_advice, shipped_advice, situations
from edge_runtime.diagnosis import Due, SeverityClass
from edge_runtime.errors import ConfigurationError
from edge_runtime.fault_table import POSSIBLE_FAULTS
from edge_runtime.vocabulary import ComponentType, FaultMode, Ne107State

STICKING = (
    ComponentType.DIRECTIONAL_VALVE, FaultMode.VALVE_STICTION, SeverityClass.MODERATE, Ne107State.OUT_OF_SPECIFICATION
)  # fmt: skip
OWN = """schema_version: 1
rules:
  - fault: valve_stiction
    components: [directional_valve]
    action: Fit the spare valve.
    check: Measure the solenoid current.
"""


def own(tmp_path, text):
    path = tmp_path / "advice.yaml"
    path.write_text(text, encoding="utf-8")
    return load_advice(path)


def test_every_fault_that_a_component_can_have_has_advice_at_any_severity_and_state():
    book = shipped_advice()
    asked = situations()
    assert len(asked) == sum(len(faults) + 1 for faults in POSSIBLE_FAULTS.values()) * 4 * 5
    for situation in asked:
        rule = book.rule_for(situation)
        assert rule.fault is situation[1], f"{situation}: another fault's advice"
        assert book.due(rule, *situation[2:]) in Due


def test_without_a_file_the_shipped_rules_hold():
    assert load_advice(None) is shipped_advice()
    assert shipped_advice().rule_for(STICKING).action.startswith("Clean or replace the valve")


def test_an_own_rule_goes_before_and_the_shipped_ones_hold_for_the_rest(tmp_path):
    book = own(tmp_path, OWN)
    assert book.rule_for(STICKING).action == "Fit the spare valve."
    for situation in situations():
        if situation[:2] != STICKING[:2]:
            assert book.rule_for(situation) == shipped_advice().rule_for(situation)


def test_the_more_specific_rule_stands_above():
    kind, fault, _, state = STICKING
    severe = shipped_advice().rule_for((kind, fault, SeverityClass.SEVERE, state))
    assert severe.action.startswith("Replace the valve; until then keep people clear")
    assert severe.due is Due.AT_ONCE


@pytest.mark.parametrize(
    ("severity", "state", "due"),
    [
        (SeverityClass.MINOR, Ne107State.MAINTENANCE_REQUIRED, Due.NEXT_SERVICE),
        (SeverityClass.MODERATE, Ne107State.MAINTENANCE_REQUIRED, Due.WITHIN_A_WEEK),
        (SeverityClass.SEVERE, Ne107State.OUT_OF_SPECIFICATION, Due.WITHIN_A_DAY),
        (SeverityClass.MINOR, Ne107State.FAILURE, Due.AT_ONCE),
    ],
)
def test_the_sooner_of_severity_and_state_says_by_when(severity, state, due):
    rule = shipped_advice().rule_for((ComponentType.MANIFOLD, FaultMode.LEAKAGE, severity, state))
    assert rule.due is None
    assert shipped_advice().due(rule, severity, state) is due


def test_an_own_file_may_say_by_when_for_all_rules(tmp_path):
    book = own(tmp_path, "due_by_state: {failure: within_a_week}\n" + OWN)
    rule = book.rule_for((ComponentType.MANIFOLD, FaultMode.LEAKAGE, SeverityClass.MINOR, Ne107State.FAILURE))
    assert book.due(rule, SeverityClass.MINOR, Ne107State.FAILURE) is Due.WITHIN_A_WEEK
    assert book.due(rule, SeverityClass.SEVERE, Ne107State.FAILURE) is Due.WITHIN_A_DAY


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (("valve_stiction", "stiction"), 3, "rules.0.fault: Input should be 'pressure_drop'"),
        (
            ("[directional_valve]", "[directional_valve, filter]"),
            4,
            "rules.0.components.1: no filter can have valve_stiction: leave it out",
        ),
        (("directional_valve", "valve"), 4, "rules.0.components.0: Input should be 'gear_pump'"),
        (("    check: Measure the solenoid current.\n", ""), 3, "rules.0.check: is missing"),
        (("Fit the spare valve.", "Fit it"), 5, "rules.0.action: String should have at least 10 characters"),
        (("    action", "    urgent: yes\n    action"), 5, "rules.0.urgent: there is no such key"),
        (("check: Measure", "due: soon\n    check: Measure"), 6, "rules.0.due: Input should be 'at_once'"),
        (("schema_version: 1", "schema_version: 2"), 1, "schema_version: Input should be 1"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, change, line, words):
    with pytest.raises(ConfigurationError) as caught:
        own(tmp_path, OWN.replace(*change))
    assert f"advice.yaml:{line}: {words}" in str(caught.value)


def test_a_rule_that_another_covers_is_a_mistake(tmp_path):
    second = (
        OWN.split("rules:\n")[1].replace("spare", "other").replace("    action", "    severities: [severe]\n    action")
    )
    with pytest.raises(ConfigurationError, match=r"advice.yaml:7: rules\.1: is never reached"):
        own(tmp_path, OWN + second)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.yaml: can't be read"):
        load_advice(tmp_path / "none.yaml")


def test_the_rules_come_with_the_package():
    assert SHIPPED.is_file()
