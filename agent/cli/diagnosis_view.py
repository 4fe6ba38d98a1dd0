"""A diagnosis as a table that a fitter reads at the machine."""

from agent.cli.output import console, percent, print_table, state_text
from edge_runtime.diagnosis import ComponentDiagnosis, Diagnosis


def show_diagnosis(diagnosis: Diagnosis) -> None:
    """Print one diagnosis: the machine, its components, what speaks for it, what to do."""
    model = diagnosis.model
    console.print(
        f"[bold]{diagnosis.machine}[/]  {diagnosis.window_start:%Y-%m-%d %H:%M:%S} – {diagnosis.window_end:%H:%M:%S}"
        " UTC"
        f"   overall health [bold]{percent(diagnosis.overall_health)}[/]"
        f"   data {percent(diagnosis.completeness)}"
        f"   [dim]{model.name} {model.version}, {diagnosis.inference_ms:.1f} ms[/]"
    )
    judged = [component for component in diagnosis.components if component.condition is not None]
    print_table(
        "Components",
        [
            ("component", "left"),
            ("condition", "left"),
            ("level", "left"),
            ("health", "right"),
            ("sure", "right"),
            ("90 % set", "left"),
            ("state", "left"),
            ("evidence", "left"),
        ],
        [_component_row(component) for component in judged],
        "The machine file names no conditions: nothing to diagnose.",
    )
    for fault in diagnosis.sensor_faults:
        console.print(f"[dark_orange]sensor[/] {fault.message}")
    for advice in diagnosis.recommendations:
        console.print(
            f"{state_text(advice.urgency)}  [bold]{advice.component}[/]: {advice.action} [dim]{advice.check}[/]"
        )


def summary_row(diagnosis: Diagnosis) -> list[str]:
    """One line per diagnosis, for many at once: end of window, health, then each condition's level."""
    judged = [component for component in diagnosis.components if component.condition is not None]
    return [
        f"{diagnosis.window_end:%Y-%m-%d %H:%M:%S}",
        percent(diagnosis.overall_health),
        *(component.level or "–" for component in judged),
        percent(diagnosis.completeness),
        f"{diagnosis.model.name} {diagnosis.model.version}",
    ]


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


def _component_row(component: ComponentDiagnosis) -> list[str]:
    if component.abstained:
        return [
            component.component,
            component.condition or "",
            "–",
            "–",
            "–",
            "",
            state_text(component.ne107),
            f"[dim]abstains: {component.reason}[/]",
        ]
    evidence = ", ".join(
        f"{item.sensor} {item.seen:.4g} {item.unit} ({item.deviation:+.1f} σ)" for item in component.evidence[:2]
    )
    return [
        component.component,
        component.condition or "",
        component.level or "–",
        percent(component.health),
        percent(component.confidence),
        ", ".join(component.conformal_set),
        state_text(component.ne107),
        evidence,
    ]
