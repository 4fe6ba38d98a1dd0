"""What a protocol measured: the values behind every table and plot, and their JSON."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from training.intervals import Interval
from training.protocol_kinds import Protocol


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Score(_Frozen):
    """A figure, the mean over seeds, with its 95 % interval over groups; no interval where there is one group."""

    value: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, found: Interval) -> "Score":
        """From an interval, whose bounds are NaN where there are none."""
        if found.low != found.low:
            return cls(value=found.value, low=None, high=None)
        return cls(value=found.value, low=found.low, high=found.high)

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


class HealthCurve(_Frozen):
    """Health of a condition's component in the tested windows, in order of time.

    Attributes:
        window: number of each window, in order of time.
        labelled: health of the labelled level.
        said: mean over seeds of the health that the model expects.
    """

    window: tuple[int, ...]
    labelled: tuple[float, ...]
    said: tuple[float, ...]


class MissingReport(_Frozen):
    """What is left with sensors missing, by contender.

    Attributes:
        macro_f1: with them missing.
        lost: against whole windows, of the same models and windows.
    """

    macro_f1: dict[str, Score]
    lost: dict[str, Score]


class ConditionReport(_Frozen):
    """One condition under one protocol.

    Attributes:
        labels: of its levels, healthy to failed.
        metrics: `training.metrics.ConditionMetrics` of the model, means over seeds.
        intervals: of the model's calibration error, coverage and set size.
        macro_f1: by model, part or baseline.
        seeds: lowest and highest macro-F1 over the seeds, likewise.
        confusion: of the model, by true level and level said, summed over seeds; the last column is abstentions.
        reliability: of the model, by bin of confidence: windows, mean confidence, share right; empty bins left out.
        health: over the cycles.
        missing: by the number of missing sensors.
        called: for a control, by contender, the share of windows called each of its expected groups of levels.
    """

    labels: tuple[str, ...]
    metrics: dict[str, float]
    intervals: dict[str, Score]
    macro_f1: dict[str, Score]
    seeds: dict[str, tuple[float, float]]
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[tuple[int, float, float], ...]
    health: HealthCurve
    missing: dict[int, MissingReport] = {}
    called: dict[str, tuple[float, ...]] = {}


class ProtocolReport(_Frozen):
    """What a protocol measured, by condition.

    Attributes:
        protocol: as the training file has it.
        windows: tested.
        groups: that the intervals are drawn by.
        grouped_by: label columns that make them.
        seeds: that everything was repeated under.
        network: whether the network was trained, or the discriminant stands alone.
    """

    name: str
    protocol: Protocol
    windows: int
    groups: int
    grouped_by: tuple[str, ...]
    folds: int
    seeds: tuple[int, ...]
    network: bool
    conditions: dict[str, ConditionReport]

    @property
    def inflated(self) -> bool:
        """Whether near copies of the tested windows were trained on."""
        return self.protocol.kind == "random"

    @property
    def figures(self) -> dict[str, float]:
        """As the manifest has them: `pump.macro_f1` → value."""
        return {
            f"{condition}.{metric}": round(value, 4)
            for condition, report in self.conditions.items()
            for metric, value in report.metrics.items()
        }


class AblatedScore(_Frozen):
    """What an ablated model scores in a condition, and what it gains or loses against the model as it is."""

    macro_f1: Score
    difference: Score


class AblationReport(_Frozen):
    """What each part of the model is worth under a protocol.

    Attributes:
        name: of the protocol.
        descriptions: of each ablation.
        conditions: by condition, by who answers (`model` or `network alone`), by ablation.
    """

    kind: Literal["ablations"] = "ablations"
    name: str
    descriptions: dict[str, str]
    seeds: tuple[int, ...]
    groups: int
    folds: int
    as_it_is: dict[str, dict[str, Score]]
    conditions: dict[str, dict[str, dict[str, AblatedScore]]]
