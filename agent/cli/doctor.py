"""`hydrosight doctor`: checks what is usually wrong, and says what to do."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.output import (
    DEFAULT,
    ConfigOption,
    JsonOption,
    console,
    print_json,
    print_table,
    reported_errors,
    settings_from,
)
from agent.cli.residuals import show_residuals
from agent.configuration import load_machine_for, machine_as_read
from agent.doctor import Check, Verdict, examine

_STYLE = {Verdict.GOOD: "[green]good[/]", Verdict.WARNING: "[yellow]warning[/]", Verdict.BAD: "[bold red]bad[/]"}


ResidualsOption = Annotated[
    bool, typer.Option("--residuals", help="Say instead what the sensors tell of each component, and what they can't.")
]


def doctor(config: ConfigOption = DEFAULT, residuals: ResidualsOption = False, as_json: JsonOption = False) -> None:
    """Check settings, machine file, residuals, advice, sources, clock, disk, sensors, model, baseline and centre.

    Ends with 1 when something is bad. With --residuals it lists what physics can tell of each component, and which
    sensor or nameplate value would make the rest possible.

    Example: `hydrosight doctor --config /etc/hydrosight/agent.yaml`
    """
    if residuals:
        with reported_errors():
            settings = settings_from(config)
            show_residuals(machine_as_read(settings, load_machine_for(settings)), as_json=as_json)
        return
    checks = _examine(config, quiet=as_json)
    if as_json:
        print_json([{"what": c.what, "verdict": c.verdict.value, "found": c.found, "remedy": c.remedy} for c in checks])
    else:
        rows = [[check.what, _STYLE[check.verdict], check.found, check.remedy] for check in checks]
        print_table("Doctor", [("what", "left"), ("", "left"), ("found", "wrap"), ("what to do", "wrap")], rows, "")
    if any(check.verdict is Verdict.BAD for check in checks):
        raise typer.Exit(1)


def _examine(config: Path, *, quiet: bool) -> list[Check]:
    if quiet:
        return list(examine(config))
    with console.status("examining …") as progress:
        checks = []
        for check in examine(config):
            progress.update(f"examined {check.what} …")
            checks.append(check)
        return checks
