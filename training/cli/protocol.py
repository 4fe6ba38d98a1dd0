"""`hydrosight-train protocol`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from edge_runtime.machine_file import load_machine
from training.cli.options import (
    Accelerator,
    Accumulate,
    AsJson,
    ConfigFile,
    Devices,
    Epochs,
    MachineFile,
    NoCache,
    Precision,
    RecordingAddress,
    Seed,
    Threads,
    Workers,
    graph_making,
    training_config,
)
from training.cli.output import console, notes, say
from training.sources.open_source import read_address

if TYPE_CHECKING:
    from training.protocols import ProtocolReport

# torch and Lightning take seconds to import: only the run itself does.
# ruff: noqa: PLC0415


def protocol(  # noqa: PLR0917 - options, given by name
    name: Annotated[str, typer.Argument(help="A protocol of the training file, such as leave-accumulator-level.")],
    machine: MachineFile,
    recording: RecordingAddress,
    config: ConfigFile = None,
    seed: Seed = 0,
    epochs: Epochs = None,
    accelerator: Accelerator = "cpu",
    threads: Threads = 1,
    devices: Devices = 1,
    precision: Precision = None,
    accumulate: Accumulate = None,
    workers: Workers = 1,
    no_cache: NoCache = False,
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

    settings = training_config(config, epochs, precision, accumulate)
    find_protocol(settings, name)
    read = read_address(recording, load_machine(machine), say)
    data = load_training_windows(machine, read, settings, seed, graph_making(workers, no_cache=no_cache))
    device = Device(accelerator, threads, notes.is_terminal, devices)
    report = run_protocol(name, data, settings, seed=seed, device=device, report=say)
    if as_json:
        sys.stdout.write(report.model_dump_json() + "\n")
    else:
        console.print(protocol_table(report))


def protocol_table(report: "ProtocolReport") -> Table:
    """Macro-F1 of every model and baseline, a row a condition."""
    table = Table(title=f"{report.name}: macro-F1 [95 % over groups], {report.windows} windows, {report.folds} folds")
    table.add_column("condition", no_wrap=True)
    names = list(next(iter(report.conditions.values())).macro_f1)
    for name in names:
        table.add_column(name, justify="right")
    for condition, item in report.conditions.items():
        cells = (f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in (item.macro_f1[n] for n in names))
        table.add_row(condition, *(escape(cell) for cell in cells))
    return table
