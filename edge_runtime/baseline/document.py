"""The baseline of one machine as a document: JSON, versioned, and refused by any other machine."""

import hashlib
from enum import StrEnum
from typing import Annotated, Self

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge_runtime.baseline.moments import Float64Array, Moments
from edge_runtime.baseline.operation import OperatingAxes, OperatingPoint, Regime
from edge_runtime.baseline.profile import STATISTICS
from edge_runtime.errors import BaselineError
from edge_runtime.machine import Finite, Machine, Name

BASELINE_SCHEMA = 1

MIN_WINDOWS = 5
"""A regime or a sensor with fewer healthy windows than that has no baseline: their spread is anybody's guess."""

_LEARN_AGAIN = "Learn it again: hydrosight baseline learn."

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Row = Annotated[tuple[Finite, ...], Field(min_length=STATISTICS, max_length=STATISTICS)]
SpreadRow = Annotated[tuple[NotNegative, ...], Field(min_length=STATISTICS, max_length=STATISTICS)]


class BaselineSource(StrEnum):
    """Why the windows count as healthy."""

    COMMISSIONING = "commissioning"
    """A person said so."""
    ASSUMED = "assumed"
    """They were the first that the agent recorded."""
    TRAINING = "training"
    """Labels said so."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Schema(BaseModel):
    """As much of the document as tells whether the rest can be read."""

    model_config = ConfigDict(extra="ignore")

    schema_version: int


class SensorProfile(_Frozen):
    """One sensor in one regime: the mean and the twenty parts of a window, see profile.py; canonical unit."""

    windows: Annotated[int, Field(ge=1)]
    centre: Row
    spread: SpreadRow


class RegimeBaseline(_Frozen):
    """How the machine looks while it does one thing.

    Attributes:
        regime: what it does.
        windows: how many were learned from.
        sensors: by name; one that was silent isn't there.
    """

    regime: Regime
    windows: Annotated[int, Field(ge=1)]
    sensors: dict[str, SensorProfile]

    def moments(self, machine: Machine) -> Moments:
        """The same as arrays over the machine's sensors; a sensor that isn't there counts 0."""
        rows = [self.sensors.get(sensor.name) for sensor in machine.sensors]
        nothing = (0.0,) * STATISTICS
        return Moments(
            np.array([row.windows if row else 0 for row in rows], np.int64),
            np.array([row.centre if row else nothing for row in rows], np.float64),
            np.array([row.spread if row else nothing for row in rows], np.float64),
        )


class MachineBaseline(_Frozen):
    """The whole document.

    Attributes:
        version: counts up on the box that keeps it.
        machine: name of the machine.
        sensors_sha256: of what the machine file says of sensors and ratings, as far as the baseline depends on it.
        window_s: length of the windows.
        created: when, by the clock of whoever made it.
        source: why its windows count as healthy.
        first, last: start of the first window and end of the last.
        windows: how many were learned from.
        regimes: what was seen, parents included, in order.
    """

    schema_version: int = BASELINE_SCHEMA
    version: Annotated[int, Field(ge=1)] = 1
    machine: Name
    sensors_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    window_s: Annotated[float, Field(gt=0)]
    created: AwareDatetime
    source: BaselineSource
    first: AwareDatetime
    last: AwareDatetime
    windows: Annotated[int, Field(ge=1)]
    regimes: tuple[RegimeBaseline, ...]

    @model_validator(mode="after")
    def _regimes_are_unique(self) -> Self:
        if len(self.by_regime) != len(self.regimes):
            raise ValueError("a regime is there twice")
        return self

    @property
    def by_regime(self) -> dict[Regime, RegimeBaseline]:
        """The baseline of each regime, those with too few windows too."""
        return {item.regime: item for item in self.regimes}

    @property
    def usable(self) -> bool:
        """Whether there is a regime with windows enough to compare with."""
        return any(item.windows >= MIN_WINDOWS for item in self.regimes)

    def at(self, axes: OperatingAxes, point: OperatingPoint) -> RegimeBaseline | None:
        """What to compare a window with; None when the machine was never seen healthy while it did this."""
        known = {item.regime: item for item in self.regimes if item.windows >= MIN_WINDOWS}
        nearest = axes.nearest(point, known)
        return None if nearest is None else known[nearest]

    def check_fits(self, machine: Machine, window_s: float) -> None:
        """Make sure that it speaks of this machine, with these sensors, in windows of this length.

        Raises:
            BaselineError: it doesn't; says in what.
        """
        if self.machine != machine.name:
            raise BaselineError(f"baseline {self.version} is of machine {self.machine!r}, not of {machine.name!r}")
        if self.sensors_sha256 != sensors_sha256(machine):
            raise BaselineError(
                f"baseline {self.version} was learned with other sensors, places or ratings than the machine file "
                f"of {machine.name!r} has now",
                hint=_LEARN_AGAIN,
            )
        if self.window_s != window_s:
            raise BaselineError(
                f"baseline {self.version} is of windows of {self.window_s:g} s, the model's are of {window_s:g} s",
                hint=_LEARN_AGAIN,
            )

    @classmethod
    def read(cls, raw: bytes, name: str) -> Self:
        """Read the document.

        Args:
            raw: its JSON.
            name: what errors call it.

        Raises:
            BaselineError: it is damaged, or of a newer schema.
        """
        try:
            schema = _Schema.model_validate_json(raw).schema_version
            if schema > BASELINE_SCHEMA:
                raise BaselineError(
                    f"{name}: has schema version {schema}, this version reads up to {BASELINE_SCHEMA}",
                    hint="Update the agent, or learn it again: hydrosight baseline learn.",
                )
            return cls.model_validate_json(raw)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, fault["loc"])) or "document"
            raise BaselineError(f"{name}: {where}: {fault['msg']}", hint=_LEARN_AGAIN) from error


def sensors_sha256(machine: Machine) -> str:
    """SHA-256 of all that a baseline depends on: names, quantities, places and order of sensors, and the load axes."""
    said = [
        *((s.name, s.quantity, s.unit, *((p.component, p.port) for p in s.placements)) for s in machine.sensors),
        *((axis.name, axis.width) for axis in OperatingAxes.of(machine).load),
    ]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def sensor_profiles(machine: Machine, moments: Moments) -> dict[str, SensorProfile]:
    """Arrays over the machine's sensors as the document has them, to seven digits."""
    return {
        sensor.name: SensorProfile(
            windows=int(moments.count[number]),
            centre=_digits(moments.centre[number]),
            spread=_digits(moments.spread[number]),
        )
        for number, sensor in enumerate(machine.sensors)
        if moments.count[number]
    }


def _digits(values: Float64Array) -> tuple[float, ...]:
    return tuple(float(f"{value:.7g}") for value in values)
