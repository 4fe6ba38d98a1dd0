"""`hydrosight-train fit`."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from edge_runtime.bundle import CARD_FILE
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
from training.cli.output import console, notes, say, to_go_on
from training.cli.protocol_tables import protocol_table
from training.sources.source import CENTRE_SCHEME

# torch and Lightning take seconds to import: only the run itself does.
# ruff: noqa: PLC0415


def fit(  # noqa: PLR0917 - options, given by name
    machine: MachineFile,
    recording: RecordingAddress,
    output: Annotated[Path, typer.Option(help="Folder for the run; its `bundle/` is what a box gets.")],
    config: ConfigFile = None,
    seed: Seed = 0,
    epochs: Epochs = None,
    golden: Annotated[
        str | None, typer.Option(help="Recording to take the golden windows from. Default: the training recording.")
    ] = None,
    version: Annotated[str, typer.Option(help="Version of the model.")] = "0.1.0",
    release: Annotated[int, typer.Option(help="Counter that must rise with each publication.", min=1)] = 1,
    accelerator: Accelerator = "cpu",
    threads: Threads = 1,
    devices: Devices = 1,
    precision: Precision = None,
    accumulate: Accumulate = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run; finished fits aren't done again.")
    ] = False,
    workers: Workers = 1,
    no_cache: NoCache = False,
    as_json: AsJson = False,
) -> None:
    """Train a model and build its bundle.

    Runs the protocols that the training file reports, cross-fits for the calibration, fits on all stable windows,
    exports to ONNX, checks the export against torch, and writes `OUTPUT/bundle`, `report.json` and `model.ckpt`.
    A run that was interrupted, at whatever moment, goes on with `--resume` and ends with the same bundle. How the fits
    get on shows `tensorboard --logdir OUTPUT/fits`.

    Example: `hydrosight-train fit --machine configs/machines/zema.yaml --recording path/to/zema
    --config configs/training/zema.yaml --output runs/zema-rig`
    """
    from training.fitting import Device
    from training.training_run import RunRequest, run_training

    settings = training_config(config, epochs, precision, accumulate)
    options = {
        "machine": machine,
        "recording": recording if recording.startswith(CENTRE_SCHEME) else Path("path/to") / Path(recording).name,
        "golden": golden,
        "config": config,
        "epochs": epochs,
        "seed": seed,
        "threads": threads,
        "devices": devices if devices > 1 else None,
        "precision": precision,
        "accumulate": accumulate,
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
        resume=resume,
        making=graph_making(workers, no_cache=no_cache),
    )
    with to_go_on("The same command with --resume goes on."):
        result = run_training(request, device=Device(accelerator, threads, notes.is_terminal, devices), report=say)
    if as_json:
        document = {
            "bundle": str(result.bundle.path),
            "model": result.bundle.manifest.name,
            "version": version,
            "release": release,
            "protocols": [report.model_dump(mode="json") for report in result.reports],
        }
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        return
    for report in result.reports:
        console.print(protocol_table(report))
    console.print(f"Bundle: {result.bundle.path}")
    say(f"What it is worth: {result.bundle.path / CARD_FILE}")
    say(f"On a box: hydrosight model install {result.bundle.path} --config AGENT.yaml")
