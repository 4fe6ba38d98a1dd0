"""What residuals are computed from: the signals and ratings of components of one kind, and sums over their samples."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.fluid import Fluid
from edge_runtime.machine import Nameplate
from edge_runtime.vocabulary import CANONICAL_CHANNELS, Port

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

RATED_FIELDS = tuple(Nameplate.model_fields)
LEAST_SHARE = 0.05
"""Of the rating: below it a machine stands still, and a ratio is noise over noise."""

_CHANNEL = {port: number for number, port in enumerate(CANONICAL_CHANNELS)}
_RATED = {field: number for number, field in enumerate(RATED_FIELDS)}
_LEAST_SAMPLES = 3
# A straight line through samples that hardly differ has any slope.
_LEAST_SPREAD = 0.01


@dataclass(frozen=True, slots=True)
class Operation:
    """A window at n components, on one grid of s samples; NaN is what isn't known.

    Attributes:
        channels: [n, 13, s], canonical units, pressures above that of the atmosphere.
        beyond: [n, s], flow into the one component that the outlet leads to, by a sensor of its own; l/min.
        from_tank: [n], whether a tank feeds the inlet: no pressure above the atmosphere's there.
        to_tank: [n], likewise at the outlet.
        viscosity: [n, s], of the oil there, over its viscosity at 40 °C.
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
    viscosity: Float64Array
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

    @property
    def flow(self) -> Float64Array:
        """Flow through the component over the rated one, [n, s]."""
        return _either(self.at(Port.FLOW_OUT), self.at(Port.FLOW_IN)) / self.rating("flow_l_min")

    @property
    def drop_bar(self) -> Float64Array:
        """Inlet less outlet pressure, [n, s]; negative across a pump."""
        inlet = np.where(self.from_tank[:, None], 0.0, self.at(Port.PRESSURE_IN))
        outlet = np.where(self.to_tank[:, None], 0.0, self.at(Port.PRESSURE_OUT))
        return _either(self.at(Port.PRESSURE_DIFFERENCE), inlet - outlet)

    @property
    def drop(self) -> Float64Array:
        """Pressure drop over the rated pressure, [n, s]."""
        return self.drop_bar / self.rating("pressure_bar")

    @property
    def displaced_l_min(self) -> Float64Array:
        """What pistons, vanes or teeth displace: D·n/1000, [n, s]."""
        speed = _either(self.at(Port.SPEED), self.nameplate("speed_rpm"))
        return self.nameplate("displacement_cm3") * speed / 1000.0

    def rate(self, values: Float64Array) -> Float64Array:
        """Change per second by central differences, [n, s]; unknown at both ends."""
        rates = np.full_like(values, np.nan)
        rates[:, 1:-1] = (values[:, 2:] - values[:, :-2]) / (2.0 * self.step_s)
        return rates


def mean_where(values: Float64Array, where: BoolArray) -> Float64Array:
    """Mean of [n, s] over the samples that are known and wanted, [n]; NaN from fewer than three."""
    return ratio_where(values, np.ones_like(values), where)


def ratio_where(numerator: Float64Array, denominator: Float64Array, where: BoolArray) -> Float64Array:
    """Sum over sum of [n, s] over the samples that are known and wanted, [n]; NaN from fewer than three.

    Energies and volumes are compared by it, not instantaneous values: a flow meter that lags does no harm.
    """
    used = where & np.isfinite(numerator) & np.isfinite(denominator)
    below = np.where(used, denominator, 0.0).sum(axis=1)
    above = np.where(used, numerator, 0.0).sum(axis=1)
    told = (used.sum(axis=1) >= _LEAST_SAMPLES) & (below > 0.0)
    ratio: Float64Array = np.divide(above, below, out=np.full(len(below), np.nan), where=told)
    return ratio


def line_where(x: Float64Array, y: Float64Array, where: BoolArray) -> tuple[Float64Array, Float64Array]:
    """Slope and intercept of the least-squares line y(x), [n] each, over the samples known and wanted.

    NaN from fewer than three samples, or where the standard deviation of x is under 0.01: give it as a share.
    """
    used = where & np.isfinite(x) & np.isfinite(y)
    count = used.sum(axis=1)
    number = np.maximum(count, 1)
    mean_x = np.where(used, x, 0.0).sum(axis=1) / number
    mean_y = np.where(used, y, 0.0).sum(axis=1) / number
    from_mean = np.where(used, x - mean_x[:, None], 0.0)
    square = (from_mean * from_mean).sum(axis=1)
    told = (count >= _LEAST_SAMPLES) & (square > number * _LEAST_SPREAD**2)
    product = (from_mean * np.where(used, y, 0.0)).sum(axis=1)
    slope = np.divide(product, square, out=np.full(len(square), np.nan), where=told)
    return slope, mean_y - slope * mean_x


def _either(first: Float64Array, second: Float64Array) -> Float64Array:
    return np.where(np.isfinite(first), first, second)
