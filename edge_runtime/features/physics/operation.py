"""What residuals are computed from: signals and ratings of components of one kind."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from edge_runtime.fluid import Fluid
from edge_runtime.machine import Nameplate
from edge_runtime.vocabulary import CANONICAL_CHANNELS, Port

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

RATED_FIELDS = tuple(Nameplate.model_fields)
ATMOSPHERE_BAR = 1.01325
W_PER_BAR_L_MIN = 1e5 * 1e-3 / 60.0
LEAST_SHARE = 0.05
"""Of the rating: below it a machine stands still, and a ratio is noise over noise."""

_CHANNEL = {port: number for number, port in enumerate(CANONICAL_CHANNELS)}
_RATED = {field: number for number, field in enumerate(RATED_FIELDS)}


@dataclass(frozen=True)
class Operation:
    """Windows at n components, on one grid of s samples; NaN is what isn't known.

    What a residual divides by may be zero: what isn't finite in the end isn't known.

    Attributes:
        channels: [n, 13, s], canonical units, pressures above that of the atmosphere.
        beyond: [n, s], flow into the one component that the outlet leads to, by a sensor of its own; l/min.
        from_tank: [n], whether a tank feeds the inlet: no pressure above the atmosphere's there.
        to_tank: [n], likewise at the outlet.
        oil_c: [n, s], temperature of the oil there.
        nameplates: [n, fields], the component's own.
        ratings: [n, fields], the component's, or else the machine's, or else usual ones.
        line_volume_l: [n], of the one pipe at the outlet.
        fluid: the machine's.
        step_s: of the grid.
    """

    channels: Float64Array
    beyond: Float64Array
    from_tank: BoolArray
    to_tank: BoolArray
    oil_c: Float64Array
    nameplates: Float64Array
    ratings: Float64Array
    line_volume_l: Float64Array
    fluid: Fluid
    step_s: float

    def at(self, port: Port) -> Float64Array:
        """Signal at a port, [n, s]."""
        return self.channels[:, _CHANNEL[port]]

    def nameplate(self, field: str) -> Float64Array:
        """A field of the component's own nameplate, [n, 1]."""
        return self.nameplates[:, _RATED[field], None]

    def rating(self, field: str) -> Float64Array:
        """What makes a signal dimensionless, [n, 1]."""
        return self.ratings[:, _RATED[field], None]

    @cached_property
    def flow(self) -> Float64Array:
        """Flow through the component over the rated one, [n, s]."""
        return _either(self.at(Port.FLOW_OUT), self.at(Port.FLOW_IN)) / self.rating("flow_l_min")

    @cached_property
    def viscosity(self) -> Float64Array:
        """Of the oil there, over its viscosity at 40 °C, [n, s]."""
        return self.fluid.relative_viscosity(self.oil_c)

    @cached_property
    def drop_bar(self) -> Float64Array:
        """Inlet less outlet pressure, [n, s]; negative across a pump."""
        inlet = np.where(self.from_tank[:, None], 0.0, self.at(Port.PRESSURE_IN))
        outlet = np.where(self.to_tank[:, None], 0.0, self.at(Port.PRESSURE_OUT))
        return _either(self.at(Port.PRESSURE_DIFFERENCE), inlet - outlet)

    @cached_property
    def drop(self) -> Float64Array:
        """Pressure drop over the rated pressure, [n, s]."""
        return self.drop_bar / self.rating("pressure_bar")

    @cached_property
    def displaced_l_min(self) -> Float64Array:
        """What pistons, vanes or teeth displace: D·n/1000, [n, s]."""
        speed = _either(self.at(Port.SPEED), self.nameplate("speed_rpm"))
        return self.nameplate("displacement_cm3") * speed / 1000.0

    def rate(self, values: Float64Array) -> Float64Array:
        """Change per second by central differences, [n, s]; unknown at both ends."""
        rates = np.full_like(values, np.nan)
        rates[:, 1:-1] = (values[:, 2:] - values[:, :-2]) / (2.0 * self.step_s)
        return rates


def _either(first: Float64Array, second: Float64Array) -> Float64Array:
    return np.where(np.isfinite(first), first, second)
