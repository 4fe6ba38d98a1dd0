"""What residuals are computed from: the signals and ratings of components of one kind, and sums over their samples."""

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
_LEAST_SAMPLES = 3
# A straight line through samples that hardly differ has any slope.
_LEAST_SPREAD = 0.01
# What is left of a direction's square beside another that goes nearly the same way.
_PARALLEL = 1e-6


@dataclass(frozen=True)
class Operation:
    """A window at n components, on one grid of s samples; NaN is what isn't known.

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


def plane_where(
    x: Float64Array, beside: Float64Array, y: Float64Array, weight: Float64Array, where: BoolArray
) -> Float64Array:
    """Slope of y over x, [n], in the weighted least-squares plane y(x, beside) over the samples known and wanted.

    NaN from fewer than three samples, or where `beside` hardly spreads; see `line_where`.
    """
    used = where & np.isfinite(x) & np.isfinite(beside) & np.isfinite(y)
    shares = np.where(used, weight, 0.0)
    shares = shares / shares.sum(axis=1, keepdims=True)
    x, beside, y = (_from_mean(values, shares) for values in (x, beside, y))
    xx, xb, bb, xy, by = (
        (shares * one * other).sum(axis=1)
        for one, other in ((x, x), (x, beside), (beside, beside), (x, y), (beside, y))
    )
    told = (used.sum(axis=1) >= _LEAST_SAMPLES) & (bb > _LEAST_SPREAD**2) & (xx * bb - xb * xb > _PARALLEL * xx * bb)
    slope: Float64Array = np.where(told, (xy * bb - by * xb) / (xx * bb - xb * xb), np.nan)
    return slope


def moving_mean(values: Float64Array, width: int) -> Float64Array:
    """Means over `width` (odd) neighbouring samples, [n, s], at the middle one; NaN where any isn't known."""
    means = np.full_like(values, np.nan)
    half = width // 2
    if values.shape[1] >= width:
        neighbours = np.lib.stride_tricks.sliding_window_view(values, width, axis=1)
        means[:, half : values.shape[1] - half] = neighbours.mean(axis=2)
    return means


def inside(where: BoolArray) -> BoolArray:
    """Samples whose neighbours on both sides are wanted as well, [n, s]: no change of state blurs them."""
    kept = np.zeros_like(where)
    kept[:, 1:-1] = where[:, :-2] & where[:, 1:-1] & where[:, 2:]
    return kept


def _from_mean(values: Float64Array, shares: Float64Array) -> Float64Array:
    known = np.where(shares > 0.0, values, 0.0)
    centred: Float64Array = known - (shares * known).sum(axis=1, keepdims=True)
    return centred


def _either(first: Float64Array, second: Float64Array) -> Float64Array:
    return np.where(np.isfinite(first), first, second)
