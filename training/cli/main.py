"""The commands of `hydrosight-train` put together, and how they end."""

import importlib.metadata
import sys
from typing import Annotated, NoReturn

import typer
from rich.markup import escape

from edge_runtime.errors import HydrosightError
from training.cli.check import check
from training.cli.evaluate import evaluate
from training.cli.fit import fit
from training.cli.import_recording import import_recording
from training.cli.output import console, notes
from training.cli.protocol import ablate, protocol
from training.cli.report import report

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Train, evaluate and bundle models that diagnose hydraulic machines.",
    epilog="A recording is a folder with `signals.parquet` (time, sensor, value) and `labels.parquet` "
    "(start, end, a column per condition, optionally stable); `import` makes one of CSV files. Exit codes: 0 done, "
    "1 failed, 2 wrong usage or configuration.",
)


def _version(asked: bool) -> None:
    if asked:
        console.print(f"hydrosight {importlib.metadata.version('hydrosight')}", highlight=False)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of `hydrosight-train` itself."""
    del version


app.command()(fit)
app.command()(protocol)
app.command()(ablate)
app.command()(report)
app.command()(evaluate)
app.command("import")(import_recording)
app.command()(check)


def main() -> None:
    """Run the command line; errors raised on purpose end it with their message, hint and exit code."""
    try:
        app()
    except HydrosightError as error:
        _end(str(error), error.hint, error.exit_code)
    except OSError as error:  # of the run's folder, which is written to from many places
        if error.filename is None:
            raise
        _end(f"{error.filename}: {error.strerror}", "Name a folder that you may write to, on a disk with room.", 1)


def _end(message: str, hint: str, exit_code: int) -> NoReturn:
    notes.print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    if hint:
        notes.print(f"[dim]hint:[/]  {escape(hint)}", highlight=False, soft_wrap=True)
    sys.exit(exit_code)
