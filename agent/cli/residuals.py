"""What `hydrosight doctor` says of residuals: which the machine's sensors allow, and what would allow the others."""

from itertools import groupby

from agent.cli.output import console, print_json, print_table
from edge_runtime.features.physics.possible import Possibility, possible_residuals
from edge_runtime.machine import Machine


def show_residuals(machine: Machine, *, as_json: bool) -> None:
    """Print every residual of every component: as a table for people, or as JSON.

    Args:
        machine: with its sensors at the rates at which they are read.
        as_json: for scripts.
    """
    found = tuple(possible_residuals(machine))
    if as_json:
        print_json([_document(one) for one in found])
        return
    rows = [
        row
        for component, group in groupby(found, key=lambda one: one.component)
        for row in ([f"[bold]{component}[/]", ""], *([f"  {one.residual.name}", _state(one)] for one in group))
    ]
    columns = [("residual", "left"), ("needs as well", "wrap")]
    print_table("Residuals", columns, rows, "no component of this machine has residuals")
    possible = sum(one.possible for one in found)
    console.print(f"{possible} of {len(found)} are computed. Formulas are in docs/features.md.")


def _state(one: Possibility) -> str:
    return "[green]possible[/]" if one.possible else ", ".join(one.missing)


def _document(one: Possibility) -> dict[str, object]:
    return {
        "component": one.component,
        "residual": one.residual.name,
        "possible": one.possible,
        "missing": list(one.missing),
        "shows": [fault.value for fault in one.residual.shows],
        "formula": one.residual.formula,
    }
