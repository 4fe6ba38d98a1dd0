"""`hydrosight-train`: train a model, evaluate a bundle, run an evaluation protocol."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.errors import HydrosightError
from edge_runtime.machine_file import load_machine
from edge_runtime.recording import read_recording
from training.dataset import labelled_windows
from training.evaluate import Evaluation
from training.evaluate import evaluate as evaluate_bundle

if TYPE_CHECKING:
    from training.config import TrainingConfig
    from training.protocols import ProtocolReport

# torch and Lightning take seconds to import and `evaluate` does without: the commands that train import them.
# ruff: noqa: PLC0415

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Train, evaluate and bundle models that diagnose hydraulic machines.",
    epilog="A recording is a folder with `signals.parquet` (time, sensor, value) and `labels.parquet` "
    "(start, end, a column per condition, optionally stable). Exit codes: 0 done, 1 failed, 2 wrong usage or "
    "configuration.",
)
_said = Console(stderr=True)
_result = Console()

MachineFile = Annotated[Path, typer.Option("--machine", help="Machine file (YAML).", show_default=False)]
RecordingFolder = Annotated[Path, typer.Option("--recording", help="Recording with labels.", show_default=False)]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Training file (YAML), such as configs/training/zema.yaml. Default: built-in values."
    ),
]
Seed = Annotated[int, typer.Option(help="Of everything random. The same seed gives the same model.", min=0)]
Epochs = Annotated[int | None, typer.Option(help="At most this many, instead of the training file's.", min=1)]
Accelerator = Annotated[str, typer.Option(help="Lightning accelerator: cpu, cuda or auto.")]
Threads = Annotated[int, typer.Option(help="CPU threads. Another number changes the last digits.", min=1)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command()
def fit(  # noqa: PLR0917 - options, given by name
    machine: MachineFile,
    recording: RecordingFolder,
    output: Annotated[Path, typer.Option(help="Folder for the run; its `bundle/` is what a box gets.")],
    config: ConfigFile = None,
    seed: Seed = 0,
    epochs: Epochs = None,
    golden: Annotated[
        Path | None, typer.Option(help="Recording to take the golden windows from. Default: the training recording.")
    ] = None,
    version: Annotated[str, typer.Option(help="Version of the model.")] = "0.1.0",
    release: Annotated[int, typer.Option(help="Counter that must rise with each publication.", min=1)] = 1,
    accelerator: Accelerator = "cpu",
    threads: Threads = 1,
) -> None:
    """Train a model and build its bundle.

    Runs the protocols that the training file reports, cross-fits for the calibration, fits on all stable windows,
    exports to ONNX, checks the export against torch, and writes `OUTPUT/bundle`, `report.json` and `model.ckpt`.

    Example: `hydrosight-train fit --machine configs/machines/zema.yaml --recording path/to/zema
    --config configs/training/zema.yaml --output runs/zema-rig`
    """
    from training.fitting import Device
    from training.training_run import RunRequest, run_training

    settings = _training_config(config, epochs)
    options = {
        "machine": machine,
        "recording": Path("path/to") / recording.name,
        "golden": golden,
        "config": config,
        "epochs": epochs,
        "seed": seed,
        "threads": threads,
        "version": version,
        "release": release,
        "output": Path("runs") / settings.name,
    }
    given = " ".join(f"--{name} {value}" for name, value in options.items() if value is not None)
    request = RunRequest(
        machine=machine,
        recording=recording,
        golden=golden or recording,
        output=output,
        config=settings,
        seed=seed,
        version=version,
        release=release,
        created=datetime.now(UTC).replace(microsecond=0),
        command=f"hydrosight-train fit {given}",
    )
    result = run_training(request, device=Device(accelerator, threads, progress=_said.is_terminal), report=_say)
    for report in result.reports:
        _result.print(_protocol_table(report))
    _result.print(f"Bundle: {result.bundle.path}")


@app.command()
def protocol(  # noqa: PLR0917 - options, given by name
    name: Annotated[str, typer.Argument(help="A protocol of the training file, such as leave-accumulator-level.")],
    machine: MachineFile,
    recording: RecordingFolder,
    config: ConfigFile = None,
    seed: Seed = 0,
    epochs: Epochs = None,
    accelerator: Accelerator = "cpu",
    threads: Threads = 1,
    as_json: AsJson = False,
) -> None:
    """Measure the network by a protocol: train without each group of windows, test on it.

    Beside the model stand the majority class, the clock (the label of the nearest training window in time) and
    features + LDA on the same folds, each with a 95 % interval over groups.

    Example: `hydrosight-train protocol leave-accumulator-level --machine configs/machines/zema.yaml
    --recording path/to/zema --config configs/training/zema.yaml`
    """
    from training.fitting import Device
    from training.protocols import find_protocol, run_protocol
    from training.training_run import load_training_windows

    settings = _training_config(config, epochs)
    find_protocol(settings, name)
    data = load_training_windows(machine, read_recording(recording), settings, seed)
    device = Device(accelerator, threads, progress=_said.is_terminal)
    report = run_protocol(name, data, settings, seed=seed, device=device, report=_say)
    if as_json:
        sys.stdout.write(report.model_dump_json() + "\n")
    else:
        _result.print(_protocol_table(report))


@app.command()
def evaluate(
    machine: MachineFile,
    bundle: Annotated[Path, typer.Option(help="Bundle folder, such as configs/models/zema-rig.")],
    recording: RecordingFolder,
    as_json: AsJson = False,
) -> None:
    """Evaluate a bundle on a recording's stable windows, by the code that runs on a box.

    One window a label row, from `start` to `end`. An abstention counts as a miss in accuracy and F1.

    Example: `hydrosight-train evaluate --machine configs/machines/zema.yaml --bundle configs/models/zema-rig
    --recording configs/recordings/zema-sample --json`
    """
    opened = open_bundle(bundle)
    windows = labelled_windows(load_machine(machine), read_recording(recording))
    backend = OnnxBackend(opened.model_path)
    columns = (TextColumn("Diagnosing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_said, transient=True, disable=not _said.is_terminal) as progress:
        task = progress.add_task("", total=len(windows))
        result = evaluate_bundle(opened, backend, windows, report=lambda done: progress.update(task, completed=done))
    if as_json:
        sys.stdout.write(result.model_dump_json() + "\n")
    else:
        _result.print(_evaluation_table(result, bundle))


def main() -> None:
    """Run the command line; errors raised on purpose end it with their message, hint and exit code."""
    try:
        app()
    except HydrosightError as error:
        _said.print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        if error.hint:
            _said.print(f"[bold]What to do:[/] {escape(error.hint)}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)


def _training_config(path: Path | None, epochs: int | None) -> "TrainingConfig":
    from edge_runtime.yaml_file import load_yaml
    from training.config import TrainingConfig

    config = TrainingConfig() if path is None else load_yaml(path, TrainingConfig)
    if epochs is None:
        return config
    return config.model_copy(update={"fit": config.fit.model_copy(update={"epochs": epochs})})


def _protocol_table(report: "ProtocolReport") -> Table:
    table = Table(title=f"{report.name}: macro-F1 [95 % over groups], {report.windows} windows, {report.folds} folds")
    table.add_column("condition", no_wrap=True)
    names = list(next(iter(report.conditions.values())).macro_f1)
    for name in names:
        table.add_column(name, justify="right")
    for condition, item in report.conditions.items():
        cells = (f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in (item.macro_f1[n] for n in names))
        table.add_row(condition, *(escape(cell) for cell in cells))
    return table


def _evaluation_table(result: Evaluation, bundle: Path) -> Table:
    table = Table(title=f"{bundle} on {result.windows} windows", box=box.SIMPLE_HEAD, padding=0)
    table.add_column("condition", no_wrap=True)
    for name in ("accuracy", "macro F1", "balanced", "ECE", "coverage", "set size", "abstained"):
        table.add_column(name, justify="right")
    for condition, metrics in result.components.items():
        table.add_row(condition, *(f"{value:.3f}" for value in metrics.as_dict().values()))
    return table


def _say(text: str) -> None:
    _said.print(f"[dim]{escape(text)}[/]", highlight=False)
