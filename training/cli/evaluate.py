"""`hydrosight-train evaluate`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.machine_file import load_machine
from training.cli.evaluation_tables import show_evaluation
from training.cli.options import AsJson, MachineFile, RecordingAddress
from training.cli.output import notes, say
from training.dataset import labelled_windows
from training.evaluate import evaluate as evaluate_bundle
from training.sources.open_source import read_address


def evaluate(
    machine: MachineFile,
    bundle: Annotated[Path, typer.Option(help="Bundle folder, such as configs/models/zema-rig.")],
    recording: RecordingAddress,
    as_json: AsJson = False,
) -> None:
    """Evaluate a bundle on a recording's stable windows, by the code that runs on a box.

    One window a label row, from `start` to `end`. The first table says how often it is right: an abstention counts as a
    miss, but for `answered`, the accuracy without abstentions; `outside` are windows unlike those of its training. The
    second says whether its confidence can be trusted: calibration error (15 bins), how often the 90 % sets hold the
    true level and how many levels they hold, and the accuracy among the windows that it is surest of.

    Example: `hydrosight-train evaluate --machine configs/machines/zema.yaml --bundle configs/models/zema-rig
    --recording configs/recordings/zema-sample --json`
    """
    opened = open_bundle(bundle)
    the_machine = load_machine(machine)
    windows = labelled_windows(the_machine, read_address(recording, the_machine, say))
    backend = OnnxBackend(opened.model_path)
    columns = (TextColumn("Diagnosing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as progress:
        task = progress.add_task("", total=len(windows))
        result = evaluate_bundle(opened, backend, windows, report=lambda done: progress.update(task, completed=done))
    if as_json:
        sys.stdout.write(result.model_dump_json() + "\n")
    else:
        show_evaluation(result, bundle)
