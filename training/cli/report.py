"""`hydrosight-train report`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from training.cli.options import AsJson
from training.cli.output import console

# scikit-learn and matplotlib take seconds to import: only the run itself does.
# ruff: noqa: PLC0415


def report(
    run: Annotated[Path, typer.Option(help="Folder that `protocol` and `ablate` wrote to.")] = Path("runs/evaluation"),
    document: Annotated[
        Path | None,
        typer.Option(help="Markdown file with result markers, such as docs/evaluation.md, to write into too."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of a run again, from what it has measured.

    Example: `hydrosight-train report --run runs/evaluation --document docs/evaluation.md`
    """
    from training.report.write import write_into, write_report

    written = write_report(run)
    if document is not None:
        write_into(run, document)
    if as_json:
        files = {"report": str(written), "document": None if document is None else str(document)}
        sys.stdout.write(json.dumps(files) + "\n")
        return
    console.print(f"Report: {written}")
    if document is not None:
        console.print(f"Results: {document}")
