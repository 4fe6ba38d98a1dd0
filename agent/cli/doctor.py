"""`hydrosight doctor`: checks what is usually wrong, and says what to do."""

from pathlib import Path

import typer

from agent.cli.output import DEFAULT, ConfigOption, JsonOption, console, print_json, print_table
from agent.doctor import Check, Verdict, examine

_STYLE = {Verdict.GOOD: "[green]good[/]", Verdict.WARNING: "[yellow]warning[/]", Verdict.BAD: "[bold red]bad[/]"}


def doctor(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Check settings, machine file, Modbus devices, brokers, clock, disk, sensors, model and centre.

    Ends with 1 when something is bad.
    """
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
