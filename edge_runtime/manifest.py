"""The manifest of a model bundle: what the model is, what it was trained on, how its outputs are calibrated.

A bundle is a folder of data, never code and never pickles:

    manifest.json   this
    model.onnx      inputs `GraphSample.REQUIRED` and those of `OPTIONAL` that it uses; outputs `level_logits` [N, 4]
                    and `fault_logits` [N, 9]
    golden.npz      windows with the outputs the model gave for them when it was built
    machine.yaml    the machine that the golden windows come from
    MODEL_CARD.md   for people
    novelty.npz     where signals were in training; without it no window is called unlike them
"""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from edge_runtime.machine import Name

MANIFEST_SCHEMA = 1
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class LevelCalibration(_Frozen):
    """How raw outputs become probabilities and a set of levels; see `level_probabilities` and `conformal_set`.

    Attributes:
        temperature: above 1 makes the model less sure.
        lapse: how often it is wrong however sure it is.
        conformal_threshold: a level is in the 90 % set when its calibrated probability is at least this.
    """

    temperature: Annotated[float, Field(gt=0)]
    lapse: Annotated[float, Field(ge=0, lt=1)] = 0.0
    conformal_threshold: Annotated[float, Field(ge=0, le=1)]


class ConditionCalibration(LevelCalibration):
    """Calibration of one condition, for windows in which its component has all of its signals.

    Attributes:
        labels: the levels the model was trained on, from healthy to failed.
        lacking: calibration where one, two, … of the component's own signals are missing.
    """

    labels: tuple[str, ...]
    lacking: tuple[LevelCalibration, ...] = ()

    def for_missing(self, signals: int) -> LevelCalibration:
        """The calibration for so many missing signals, or for the most that there is one for."""
        return (self, *self.lacking)[min(signals, len(self.lacking))]


class SensorBaseline(_Frozen):
    """A sensor's window mean over healthy windows: its mean and standard deviation, canonical unit."""

    mean: float
    std: Annotated[float, Field(ge=0)]


class TrainingData(_Frozen):
    """Where a model comes from."""

    recording: str
    sha256: Sha256
    windows: int
    seed: int
    description: str = ""


class Manifest(_Frozen):
    """The whole of `manifest.json`.

    Attributes:
        release: counter that only rises for one `name`; a box never goes to a lower one by an update.
        features: name of the feature set, with its version.
        sequence: name of the sequence set, with its version.
        residuals: name of the residuals that the model takes, with their version; None when it takes none.
        deviation: name of the deviations from the machine's baseline that the model takes, likewise.
        window_s: length of the windows the model was trained on.
        conditions: by condition name; a component without one abstains.
        baseline: by sensor name.
        golden_tolerance: largest difference of an output that still counts as reproduced.
        metrics: measured, by protocol, e.g. {"leave-accumulator-level": {"pump.macro_f1": 0.98}}.
        files: every other file of the bundle with its SHA-256.
    """

    schema_version: int = MANIFEST_SCHEMA
    name: Name
    version: Version
    release: Annotated[int, Field(ge=1)]
    created: AwareDatetime
    minimum_agent_version: Version
    features: str
    sequence: str
    residuals: str | None = None
    deviation: str | None = None
    window_s: Annotated[float, Field(gt=0)]
    conditions: dict[str, ConditionCalibration]
    baseline: dict[str, SensorBaseline]
    golden_tolerance: Annotated[float, Field(gt=0)] = 1e-3
    training: TrainingData
    metrics: dict[str, dict[str, float]] = {}
    files: dict[str, Sha256]
