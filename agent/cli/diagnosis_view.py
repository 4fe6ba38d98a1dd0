"""A diagnosis as a table that a fitter reads at the machine."""

from collections import Counter
from collections.abc import Iterable, Sequence

from agent.cli.output import console, percent, print_table, state_text
from agent.cli.trend_words import trend_words
from edge_runtime.diagnosis import BaselineOrigin, BaselineReference, ComponentDiagnosis, Diagnosis, Due
from edge_runtime.vocabulary import Ne107State

_HEALTHY = {BaselineOrigin.MODEL: "healthy", BaselineOrigin.MACHINE: "healthy here"}


def show_diagnosis(diagnosis: Diagnosis) -> None:
    """Print one diagnosis: the machine, its components, what speaks for it, what to do."""
    model = diagnosis.model
    judged = [component for component in diagnosis.components if component.condition is not None]
    unjudged = sum(component.abstained for component in judged)
    of_some = f" of {len(judged) - unjudged} of {len(judged)} components" if 0 < unjudged < len(judged) else ""
    console.print(
        f"[bold]{diagnosis.machine}[/]  {diagnosis.window_start:%Y-%m-%d %H:%M:%S} – {diagnosis.window_end:%H:%M:%S}"
        " UTC"
        f"   overall health [bold]{percent(diagnosis.overall_health)}[/]{of_some}"
        f"   data {percent(diagnosis.completeness)}"
        f"   [dim]{model.name} {model.version}, {diagnosis.inference_ms:.1f} ms[/]"
    )
    if diagnosis.baseline:
        console.print(f"[dim]{_baseline(diagnosis.baseline)}[/]")
    columns = [("component", "left"), ("condition", "left"), ("level", "right"), ("health", "right"), ("sure", "right")]
    print_table(
        "",
        [*columns, ("90 % set", "wrap"), ("state", "wrap")],
        [_component_row(component) for component in judged],
        "The machine file names no conditions: nothing to diagnose.",
    )
    for component in judged:
        if component.reason:
            console.print(f"[bold]{component.component}[/] abstains: {component.reason}")
            continue
        if component.caution:
            console.print(f"[bold]{component.component}[/] {component.caution}; the model is less sure of it")
        if component.ne107 is not Ne107State.NORMAL:
            console.print(f"[bold]{component.component}[/]: {_evidence(component)}")
    for words, components in _trends(judged).items():
        console.print(f"[bold]{', '.join(components)}[/] {words}")
    for fault in diagnosis.sensor_faults:
        console.print(f"[dark_orange]sensor[/] {fault.message}")
    for advice in diagnosis.recommendations:
        check = "" if diagnosis.component(advice.component).abstained else f" [dim]{advice.check}[/]"
        console.print(
            f"[bold]{advice.component}[/] {state_text(advice.urgency)}{_due(advice.due)}: {advice.action}{check}"
        )


def summary_row(diagnosis: Diagnosis) -> list[str]:
    """One line per diagnosis, for many at once: end of window, health, then each condition's level."""
    judged = [component for component in diagnosis.components if component.condition is not None]
    return [
        f"{diagnosis.window_end:%Y-%m-%d %H:%M:%S}",
        percent(diagnosis.overall_health),
        *(component.level or "–" for component in judged),
        percent(diagnosis.completeness),
        diagnosis.model.version,
    ]


def show_abstentions(diagnoses: Sequence[Diagnosis]) -> None:
    """Print why components weren't judged, and in how many windows: the commonest reason of each."""
    reasons: dict[str, Counter[str]] = {}
    for diagnosis in diagnoses:
        for component in diagnosis.components:
            if component.condition is not None and component.reason:
                reasons.setdefault(component.component, Counter())[component.reason] += 1
    for name, counts in reasons.items():
        reason, count = counts.most_common(1)[0]
        more = f"; in {others} for other reasons: --json" if (others := counts.total() - count) else ""
        console.print(f"[bold]{name}[/] abstains in {count} of {len(diagnoses)} windows: {reason}{more}")


def summary_columns(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    """Headings of `summary_row`."""
    judged = [component for component in diagnosis.components if component.condition is not None]
    return [
        ("window end (UTC)", "left"),
        ("health", "right"),
        *((component.condition or "", "right") for component in judged),
        ("data", "right"),
        ("model", "left"),
    ]


def _due(due: Due | None) -> str:
    return f", {due.value.replace('_', ' ')}" if due else ""


def _trends(components: Iterable[ComponentDiagnosis]) -> dict[str, list[str]]:
    """What is said of trends, and of which components: of all of them the same, as long as history is short."""
    said: dict[str, list[str]] = {}
    for component in components:
        if component.trend:
            said.setdefault(trend_words(component.trend), []).append(component.component)
    return said


def _component_row(component: ComponentDiagnosis) -> list[str]:
    return [
        component.component,
        component.condition or "",
        component.level or "–",
        percent(component.health),
        percent(component.confidence),
        ", ".join(component.conformal_set) or "–",
        state_text(component.ne107),
    ]


def _evidence(component: ComponentDiagnosis) -> str:
    """What was seen, against what a healthy machine shows."""
    if not component.evidence:
        return "no sensor of its own stands out"
    return "; ".join(
        f"{item.sensor} {item.seen:.4g} {item.unit}, {_HEALTHY[item.baseline]} {item.expected:.4g} "
        f"({item.deviation:+.1f} σ)"
        for item in component.evidence
    )


def _baseline(used: BaselineReference) -> str:
    """Which state of the machine itself it was compared with."""
    if used.regime is None:
        return f"doing what was never seen when baseline {used.version} was learned; compared with the model's machine"
    return f"compared with itself by baseline {used.version}, {used.windows} healthy windows: {used.regime}"
