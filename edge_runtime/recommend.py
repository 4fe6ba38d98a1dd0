"""What to do about a diagnosis, by the rules of `edge_runtime.advice`: a suspicion until somebody has looked."""

from collections.abc import Sequence

from edge_runtime.advice import AdviceBook, shipped_advice
from edge_runtime.diagnosis import ComponentDiagnosis, Due, Recommendation, SeverityClass
from edge_runtime.vocabulary import Ne107State

_URGENCY = {state: rank for rank, state in enumerate(Ne107State)}


def recommend(diagnoses: Sequence[ComponentDiagnosis], advice: AdviceBook | None = None) -> tuple[Recommendation, ...]:
    """What to do, most urgent first and then worst health first; nothing for a component that is normal.

    Args:
        diagnoses: of a machine's components.
        advice: the rules; without them those that come with Hydrosight.
    """
    unwell = [item for item in diagnoses if item.ne107 is not Ne107State.NORMAL]
    unwell.sort(key=lambda item: (-_URGENCY[item.ne107], 0.0 if item.health is None else item.health))
    return tuple(_recommendation(item, advice or shipped_advice()) for item in unwell)


def _recommendation(item: ComponentDiagnosis, advice: AdviceBook) -> Recommendation:
    if item.abstained:
        action = (
            "Check what the diagnosis finds unusual; if it is right, record and label it to train on."
            if item.ne107 is Ne107State.OUT_OF_SPECIFICATION
            else "Restore what the diagnosis lacks."
        )
        return Recommendation(
            component=item.component,
            urgency=item.ne107,
            due=Due.WITHIN_A_WEEK,
            action=action,
            check=item.reason or "",
        )
    faults = item.fault_probabilities
    fault = max(faults, key=lambda one: faults[one]) if faults else None
    severity = item.severity or SeverityClass.NONE
    rule = advice.rule_for((item.type, fault, severity, item.ne107))
    return Recommendation(
        component=item.component,
        urgency=item.ne107,
        due=advice.due(rule, severity, item.ne107),
        action=rule.action,
        check=rule.check,
    )
