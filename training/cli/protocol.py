"""`hydrosight-train protocol` and `ablate`: what a model is worth on conditions that it has not seen."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from pydantic import RootModel
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from edge_runtime.machine_file import load_machine
from training.cli.options import (
    Accelerator,
    AsJson,
    Epochs,
    NoCache,
    Precision,
    RecordingAddress,
    Seed,
    Threads,
    Workers,
    graph_making,
    training_config,
)
from training.cli.output import console, notes, say, to_go_on
from training.cli.protocol_tables import ablation_table, protocol_table
from training.sources.open_source import read_address

if TYPE_CHECKING:
    from training.config import TrainingConfig
    from training.cross_fit import TrainingWindows
    from training.graph_making import GraphMaking
    from training.run_trials import Progress as Told

# torch, scikit-learn and Lightning take seconds to import: only the run itself does.
# ruff: noqa: PLC0415

RigMachine = Annotated[Path, typer.Option("--machine", help="Machine file (YAML).")]
RigConfig = Annotated[Path, typer.Option("--config", help="Training file (YAML), which holds the protocols.")]
RunFolder = Annotated[
    Path,
    typer.Option(
        "--output", help="Folder of the run. Folds that are finished are kept there: run again to go on, or to add."
    ),
]
Seeds = Annotated[int, typer.Option(help="Repeat everything under this many seeds, from --seed on.", min=1)]
Baselines = Annotated[
    Literal["all", "quick"], typer.Option(help="Simple models beside it; quick: those that take less than a second.")
]
Jobs = Annotated[int, typer.Option(help="Processes side by side.", min=1)]

RIG = Path("configs/machines/zema.yaml")
RIG_TRAINING = Path("configs/training/zema.yaml")
RUN = Path("runs/evaluation")
LEAST_WIDTH = 100
"""Of a table with intervals, also where the output is a file."""
JOBS = min(4, len(os.sched_getaffinity(0)))


def protocol(  # noqa: PLR0917 - options, given by name
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Protocols of the training file, or `all`.")],
    recording: RecordingAddress,
    machine: RigMachine = RIG,
    config: RigConfig = RIG_TRAINING,
    output: RunFolder = RUN,
    seeds: Seeds = 3,
    seed: Seed = 0,
    network: Annotated[
        bool, typer.Option(help="Train the network. Without, the discriminant stands alone: minutes, not an hour.")
    ] = True,
    baselines: Baselines = "all",
    epochs: Epochs = None,
    jobs: Jobs = JOBS,
    accelerator: Accelerator = "cpu",
    threads: Threads = 1,
    precision: Precision = None,
    workers: Workers = 1,
    no_cache: NoCache = False,
    as_json: AsJson = False,
) -> None:
    """Measure a model by protocols: train without some windows, test on them, beside simple models on the same folds.

    Every figure is the mean over seeds with a 95 % interval over the groups held out. Beside the model stand the
    majority class, the clock (the label of the nearest training window in time, no sensor seen) and what a
    reliability engineer would use instead. Leaves `report.md`, `report.html` and `report.json` in OUTPUT.

    Example: `hydrosight-train protocol leave-accumulator-level leave-campaign --recording path/to/zema --jobs 2`
    """
    from training.baselines.contenders import ALL_CONTENDERS, QUICK_CONTENDERS
    from training.fitting import Device
    from training.protocol_report import ProtocolReport
    from training.protocols import choose_protocols, run_protocols
    from training.report.measured import keep_protocol
    from training.report.write import write_report
    from training.run_trials import Resources

    settings = training_config(config, epochs, precision)
    chosen = choose_protocols(settings, names)
    data = _windows(machine, recording, settings, chosen, seed, graph_making(workers, no_cache=no_cache))
    with to_go_on("The same command again goes on."), _progress("Folds") as told:
        reports = run_protocols(
            chosen,
            data,
            settings,
            seeds=range(seed, seed + seeds),
            resources=Resources(output, jobs, Device(accelerator, threads)),
            network=network,
            contenders=ALL_CONTENDERS if baselines == "all" else QUICK_CONTENDERS,
            report=told,
        )
    for report in reports:
        keep_protocol(report, output)
    written = write_report(output)
    if as_json:
        sys.stdout.write(RootModel[tuple[ProtocolReport, ...]](reports).model_dump_json() + "\n")
        return
    wide = Console(width=max(console.width, LEAST_WIDTH))
    for report in reports:
        wide.print(protocol_table(report))
    console.print(f"Report: {written}")


def ablate(  # noqa: PLR0917 - options, given by name
    recording: RecordingAddress,
    name: Annotated[str, typer.Option("--protocol", help="A hold-out protocol of the training file.")],
    ablations: Annotated[
        list[str] | None, typer.Argument(metavar="[ABLATION]...", help="Of the training file. Default: all.")
    ] = None,
    machine: RigMachine = RIG,
    config: RigConfig = RIG_TRAINING,
    output: RunFolder = RUN,
    seeds: Seeds = 3,
    seed: Seed = 0,
    epochs: Epochs = None,
    jobs: Jobs = JOBS,
    accelerator: Accelerator = "cpu",
    threads: Threads = 1,
    precision: Precision = None,
    workers: Workers = 1,
    no_cache: NoCache = False,
    as_json: AsJson = False,
) -> None:
    """Measure what each part of the model is worth: the same protocol with it taken out, or put in.

    What comes out joins what `protocol` measured into the same OUTPUT, in one report.

    Example: `hydrosight-train ablate --protocol leave-accumulator-level --recording path/to/zema --jobs 2`
    """
    from training.fitting import Device
    from training.protocols import choose_protocols, run_ablations
    from training.report.measured import keep_ablations
    from training.report.write import write_report
    from training.run_trials import Resources

    settings = training_config(config, epochs, precision)
    choose_protocols(settings, (name,))
    data = _windows(machine, recording, settings, (name,), seed, graph_making(workers, no_cache=no_cache))
    with to_go_on("The same command again goes on."), _progress("Folds") as told:
        report = run_ablations(
            name,
            tuple(ablations or settings.ablations),
            data,
            settings,
            seeds=range(seed, seed + seeds),
            resources=Resources(output, jobs, Device(accelerator, threads)),
            report=told,
        )
    keep_ablations(report, output)
    written = write_report(output)
    if as_json:
        sys.stdout.write(report.model_dump_json() + "\n")
        return
    Console(width=max(console.width, LEAST_WIDTH)).print(ablation_table(report))
    console.print(f"Report: {written}")


def _windows(
    machine: Path, recording: str, config: "TrainingConfig", names: Sequence[str], seed: int, making: "GraphMaking"
) -> "TrainingWindows":
    from training.evaluation_windows import evaluation_windows

    loaded = load_machine(machine)
    return evaluation_windows(loaded, read_address(recording, loaded, say), config, names, seed, making)


@contextmanager
def _progress(what: str) -> Iterator["Told"]:
    """A bar on a terminal; elsewhere a line for each tenth."""
    if not notes.is_terminal:
        yield _in_tenths
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _in_tenths(done: int, total: int) -> None:
    if total and (done == 0 or done * 10 // total > (done - 1) * 10 // total):
        notes.print(f"[dim]{done} of {total} folds[/]", highlight=False)
