"""The commands of `hydrosight-train` put together, and how they end."""

import sys

import typer
from rich.markup import escape

from edge_runtime.errors import HydrosightError
from training.cli.check import check
from training.cli.evaluate import evaluate
from training.cli.fit import fit
from training.cli.import_recording import import_recording
from training.cli.output import notes
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
        notes.print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        if error.hint:
            notes.print(f"[bold]What to do:[/] {escape(error.hint)}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
