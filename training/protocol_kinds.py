"""Evaluation protocols as data: which windows a model must not have seen, and what it is asked of them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from edge_runtime.machine import Name

Share = Annotated[float, Field(ge=0, le=1)]
Folds = Annotated[int, Field(ge=2)]


class _Protocol(BaseModel):
    """What every protocol says of itself.

    Attributes:
        conditions: what is measured; empty: every condition of the machine.
        aims: macro-F1 that is wanted, by condition.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = ""
    conditions: tuple[Name, ...] = ()
    aims: dict[Name, Share] = {}


class RandomSplit(_Protocol):
    """Windows drawn at random. Neighbours in time are nearly copies, so its scores are inflated, and marked so."""

    kind: Literal["random"] = "random"
    folds: Folds = 10


class HoldOut(_Protocol):
    """Groups of windows are left out, and each is tested by a model that was trained without it.

    Attributes:
        hold_out: label columns. Windows that agree in all of them are one group. A condition that the groups are made
            of can't be measured.
        folds: join the groups into that many folds; None leaves out one group at a time.
    """

    kind: Literal["hold-out"] = "hold-out"
    hold_out: Annotated[tuple[str, ...], Field(min_length=1)]
    folds: Folds | None = None


class ExpectedShare(BaseModel):
    """How many of a control's windows should be called one of some levels.

    Attributes:
        labels: of the levels.
        least, most: share of the windows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: Annotated[tuple[str | int | float, ...], Field(min_length=1)]
    least: Share = 0.0
    most: Share = 1.0


class Control(_Protocol):
    """Windows that a short cut would get wrong, tested by a model that was trained without them.

    Attributes:
        column: label column that picks them, such as a cycle number.
        ranges: first and last value, inclusive.
        shares: how they should be called, of the one condition measured.
    """

    kind: Literal["control"] = "control"
    column: str
    ranges: Annotated[tuple[tuple[float, float], ...], Field(min_length=1)]
    conditions: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1)]
    shares: Annotated[tuple[ExpectedShare, ...], Field(min_length=1)]


class SensorDropout(_Protocol):
    """Sensors missing at test alone, other ones in each window, for the models of another protocol.

    Attributes:
        split: the hold-out protocol whose models are tested.
        most_lost: macro-F1 that may be lost, by how many sensors are missing.
    """

    kind: Literal["sensor-dropout"] = "sensor-dropout"
    split: Name
    most_lost: Annotated[dict[Annotated[int, Field(ge=1)], Share], Field(min_length=1)]


class WithoutSensors(_Protocol):
    """Sensors silent at training and at test, on the folds of another protocol.

    Attributes:
        split: the hold-out protocol whose folds it takes.
        sensors: by name.
    """

    kind: Literal["without-sensors"] = "without-sensors"
    split: Name
    sensors: Annotated[tuple[str, ...], Field(min_length=1)]


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("kind", "hold-out"))
    return str(getattr(value, "kind", ""))


Protocol = Annotated[
    Annotated[RandomSplit, Tag("random")]
    | Annotated[HoldOut, Tag("hold-out")]
    | Annotated[Control, Tag("control")]
    | Annotated[SensorDropout, Tag("sensor-dropout")]
    | Annotated[WithoutSensors, Tag("without-sensors")],
    Discriminator(_kind),
]
"""A protocol of any kind; one that doesn't name its kind holds out groups."""
