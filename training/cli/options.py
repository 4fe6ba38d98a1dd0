"""Options that several commands share, and the training file they name."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from training.feature_cache import FeatureCache, default_folder
from training.graph_making import GraphMaking
from training.sources.csv_times import DateOrder

if TYPE_CHECKING:
    from training.config import TrainingConfig

# The training file's schema holds the network's, so reading it imports torch: commands that do without don't.
# ruff: noqa: PLC0415

MachineFile = Annotated[Path, typer.Option("--machine", help="Machine file (YAML).", show_default=False)]
RecordingAddress = Annotated[
    str,
    typer.Option(
        "--recording",
        help="Labelled data: a recording's folder, a CSV file or a folder of them, the folder of the ZeMA rig's text "
        "files, or timescaledb:MACHINE?since=2026-01-01&labels=FILE.",
        show_default=False,
    ),
]
SourceAddress = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A CSV file or a folder of them, the folder of the ZeMA rig's text files, "
        "timescaledb:MACHINE?since=2026-01-01&until=2026-02-01, or a recording's folder.",
        show_default=False,
    ),
]
OptionalMachineFile = Annotated[
    Path | None, typer.Option("--machine", help="Machine file (YAML), to convert declared units.", show_default=False)
]
Equipment = Annotated[
    str | None, typer.Option(help="Whose rows to read, of several machines. Default: the machine file's name.")
]
Timezone = Annotated[
    str | None, typer.Option(help="Zone of times that name none, such as Europe/Berlin or UTC.", show_default=False)
]
Dates = Annotated[
    DateOrder | None,
    typer.Option(help="Order of dates with the year last, such as 21.11.2026 or 11/21/2026.", show_default=False),
]
Labels = Annotated[
    Path | None, typer.Option(help="CSV file of labels, instead of the source's own.", show_default=False)
]
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
Devices = Annotated[
    int, typer.Option(help="GPUs, or processes on the CPU, that share each step; each takes batch_size windows.", min=1)
]
Precision = Annotated[
    Literal["32-true", "bf16-mixed", "float8"] | None,
    typer.Option(help="Of the arithmetic, instead of the training file's. float8 needs a recent GPU and torchao."),
]
Accumulate = Annotated[
    int | None, typer.Option(help="Batches a step, instead of the training file's; saves memory.", min=1)
]
Workers = Annotated[
    int, typer.Option(help="Processes that make graphs; more than one pays from some thousand windows on.", min=1)
]
NoCache = Annotated[
    bool,
    typer.Option("--no-cache", help="Neither use nor fill the cache of graphs in XDG_CACHE_HOME (default ~/.cache)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def graph_making(workers: int, *, no_cache: bool) -> GraphMaking:
    """How graphs are made, as the options say."""
    return GraphMaking(None if no_cache else FeatureCache(default_folder(os.environ)), workers)


def training_config(
    path: Path | None, epochs: int | None, precision: str | None = None, accumulate: int | None = None
) -> "TrainingConfig":
    """The training file, or built-in values without one.

    Args:
        path: of the file.
        epochs: instead of the file's, as are the others.
        precision: of the arithmetic.
        accumulate: batches a step.
    """
    from edge_runtime.yaml_file import load_yaml
    from training.config import TrainingConfig

    config = TrainingConfig() if path is None else load_yaml(path, TrainingConfig)
    given = {"epochs": epochs, "precision": precision, "accumulate": accumulate}
    instead = {name: value for name, value in given.items() if value is not None}
    return config.model_copy(update={"fit": config.fit.model_copy(update=instead)})
