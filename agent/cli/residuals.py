"""What `hydrosight doctor` says of residuals: which the machine's sensors allow, and what would allow the others."""

from itertools import groupby

from agent.cli.output import console, print_json, print_table
from agent.configuration import load_machine_for
from agent.settings import AgentSettings
from edge_runtime.features.physics.possible import Possibility, possible_residuals
from edge_runtime.machine import Machine


def machine_as_read(settings: AgentSettings) -> Machine:
    """The machine with its sensors at the rates at which the sources poll them, where that is slower.

    Raises:
        ConfigurationError: the machine file is wrong.
    """
    machine = load_machine_for(settings)
    pauses = {name: pause for one in settings.sources.modbus for name, pause in one.longest_pause_s.items()}
    sensors = tuple(
        sensor.model_copy(update={"rate_hz": min(sensor.rate_hz, 1.0 / pauses.get(sensor.name, 0.0))})
        if pauses.get(sensor.name, 0.0) > 0.0
        else sensor
        for sensor in machine.sensors
    )
    return machine.model_copy(update={"sensors": sensors})


def show_residuals(machine: Machine, *, as_json: bool) -> None:
    """Print every residual of every component: as a table for people, or as JSON."""
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
