"""What a run has measured so far, kept as JSON in its folder: one file a protocol, one an ablated protocol."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from edge_runtime.durable import replace_file
from edge_runtime.errors import TrainingError
from training.protocol_report import AblationReport, ProtocolReport

MEASURED = "measured"
_ABLATIONS = "ablations-"
_ORDER = ("random", "hold-out", "control", "sensor-dropout", "without-sensors")


@dataclass(frozen=True, slots=True)
class Measured:
    """Everything that a report shows, in its order."""

    protocols: tuple[ProtocolReport, ...]
    ablations: tuple[AblationReport, ...]


def keep_protocol(report: ProtocolReport, run: Path) -> None:
    """Keep what a protocol measured; what it measured before is replaced."""
    _keep(report, run / MEASURED / f"{report.name}.json")


def keep_ablations(report: AblationReport, run: Path) -> None:
    """Keep what the ablations under a protocol measured."""
    _keep(report, run / MEASURED / f"{_ABLATIONS}{report.name}.json")


def read_measured(run: Path) -> Measured:
    """Everything that was kept.

    Raises:
        TrainingError: there is nothing, or a file is of another version.
    """
    files = sorted((run / MEASURED).glob("*.json"))
    if not files:
        raise TrainingError(
            f"{run}: holds nothing that was measured",
            hint="Run `hydrosight-train protocol NAME … --output RUN` first.",
        )
    try:
        ablations = [
            AblationReport.model_validate_json(file.read_bytes()) for file in files if file.name.startswith(_ABLATIONS)
        ]
        protocols = [
            ProtocolReport.model_validate_json(file.read_bytes())
            for file in files
            if not file.name.startswith(_ABLATIONS)
        ]
    except ValidationError as error:
        raise TrainingError(
            f"{run}: what was measured is of another version",
            hint="Run the protocols again, with a new folder as --output.",
        ) from error
    protocols.sort(key=lambda report: (_ORDER.index(report.protocol.kind), report.name))
    return Measured(tuple(protocols), tuple(ablations))


def _keep(report: BaseModel, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, report.model_dump_json(indent=1).encode() + b"\n")
