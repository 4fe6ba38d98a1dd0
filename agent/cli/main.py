"""`hydrosight`: the agent and its diagnostic commands."""

import importlib.metadata
from typing import Annotated

import typer

from agent.cli import (
    alerts,
    baseline,
    buffer,
    config,
    diagnose,
    doctor,
    enrol,
    modbus,
    model,
    readings,
    reload,
    run,
    status,
    sync,
)
from agent.cli.output import be_quiet, console

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Hydrosight on the machine: runs the agent and shows what it knows. Start with `hydrosight doctor`.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.",
)
app.command("run")(run.run)
app.command("reload")(reload.reload)
app.command("status")(status.status)
app.command("diagnose")(diagnose.diagnose)
app.add_typer(readings.app, name="readings")
app.command("alerts")(alerts.alerts)
app.add_typer(buffer.app, name="buffer")
app.command("doctor")(doctor.doctor)
app.command("enrol")(enrol.enrol)
app.add_typer(model.app, name="model")
app.add_typer(baseline.app, name="baseline")
app.add_typer(config.app, name="config")
app.add_typer(modbus.app, name="modbus")
app.add_typer(sync.app, name="sync")


def _version(asked: bool) -> None:
    if asked:
        console.print(f"hydrosight {importlib.metadata.version('hydrosight')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of `hydrosight` itself."""
    del version
    be_quiet()


def main() -> None:
    """Entry point."""
    app()
