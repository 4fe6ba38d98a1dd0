"""Residuals of a gas accumulator: how much oil it takes for how much pressure, and at which pressure it is empty."""

import numpy as np

from edge_runtime.features.physics.operation import ATMOSPHERE_BAR, LEAST_SHARE, Float64Array, Operation
from edge_runtime.features.physics.residual import OIL_TEMPERATURE, Residual, need
from edge_runtime.features.physics.sums import inside, mean_where, moving_mean, plane_where, ratio_where
from edge_runtime.fluid import KELVIN
from edge_runtime.vocabulary import FaultMode, Port

POLYTROPIC = 1.3
"""n of p·Vⁿ while it gives or takes oil: 1.0 if heat had time to follow, 1.4 for nitrogen without any."""

KNEE_RATE_HZ = 20.0
"""Least rate at which the collapse below the pre-charge, some tenths of a second, can be told."""

# The knee is looked for where it can be, in steps of a fiftieth of the rated pre-charge.
_STEP, _LOWEST, _HIGHEST = 0.02, 0.2, 1.2
# Pressures this far below and above are compared; the oil must move, or there is nothing to compare.
_REACH, _LEAST_RATE = 0.1, 0.02
_LEAST_KNEE = 3.0

_SUM = 5
# Power of the height above the lowest pressure that a sample counts with: half-way up it counts a sixteenth.
_TOWARDS_HIGH = 4


def capacitance(accumulator: Operation) -> Float64Array:
    """C·p_rated/(Q_rated · 1 min), with C = V_gas/(n·p) the oil that it gives for a bar.

    What the circuit takes and the pump doesn't give comes from the gas, Q = Q_pump(p) − C·dp/dt: the slope of Q over
    dp/dt beside that over p, for a pump gives way a little. Sums over five samples are compared, whose volumes don't
    depend on when within a sample the pressure changed. 0 where the pressure is below the pre-charge.
    """
    pressure, change, flow = _exchange(accumulator)
    return -plane_where(change, pressure, flow, np.ones_like(flow), np.isfinite(flow))


def gas(accumulator: Operation) -> Float64Array:
    """n·C·p²/(p_rated·Q_rated · 1 min) · 293 K/T: the gas in it, as pre-charge times volume at 20 °C.

    Between windows the gas is as warm as the oil, p·V_gas = p0·V0·T/293 K, and so p0·V0 = n·C·p²·293 K/T with C as in
    `capacitance`. A hot accumulator's pre-charge is higher: below it there is no gas to give way, so the highest
    pressures count most.
    """
    pressure, change, flow = _exchange(accumulator)
    known = np.isfinite(flow)
    lowest = np.where(known, pressure, np.inf).min(axis=1, keepdims=True)
    weight = np.where(known, pressure - lowest, 0.0) ** _TOWARDS_HIGH
    given = -plane_where(change, pressure, flow, weight, known)
    absolute = pressure + ATMOSPHERE_BAR / accumulator.rating("pressure_bar")
    at = ratio_where(absolute * weight, weight, known)
    oil_k = accumulator.oil_c + KELVIN
    return POLYTROPIC * given * at**2 * (20.0 + KELVIN) / mean_where(oil_k, np.isfinite(oil_k))


def precharge(accumulator: Operation) -> Float64Array:
    """p0/p0_rated at 20 °C: `gas` over that of the nameplate, p0_rated·V0, absolute pressures."""
    of_rating = accumulator.rating("flow_l_min") * accumulator.rating("pressure_bar")
    rated = (accumulator.nameplate("precharge_bar") + ATMOSPHERE_BAR) * accumulator.nameplate("volume_l")
    return gas(accumulator) * (of_rating / rated)[:, 0]


def precharge_knee(accumulator: Operation) -> Float64Array:
    """p_knee/p0_rated: below the pre-charge no gas gives way, so the pressure collapses there, or jumps.

    The pressure at which |dp/dt| just below is most times that just above, and at least three times. NaN unless the
    window goes through it.
    """
    share = accumulator.at(Port.PRESSURE_OUT) / accumulator.nameplate("precharge_bar")
    rates = np.abs(accumulator.rate(share))
    return np.array([_knee(*row) for row in zip(share, rates, strict=True)])


def _knee(share: Float64Array, rates: Float64Array) -> float:
    moving = (rates >= _LEAST_RATE) & np.isfinite(share)
    order = np.argsort(share[moving])
    pressure = share[moving][order]
    travel = np.concatenate([[0.0], np.cumsum(rates[moving][order])])
    knees = np.arange(_LOWEST, _HIGHEST, _STEP)
    low, at, high = (np.searchsorted(pressure, knees + reach) for reach in (-_REACH, 0.0, _REACH))
    told = (at > low) & (high > at)
    below = (travel[at] - travel[low])[told] / (at - low)[told]
    above = (travel[high] - travel[at])[told] / (high - at)[told]
    times = below / above
    return float(knees[told][times.argmax()]) if len(times) and times.max() >= _LEAST_KNEE else np.nan


def _exchange(accumulator: Operation) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Pressure, its change per minute and the flow, [n, s] each, shares of the rating, over five samples each."""
    flow = accumulator.at(Port.FLOW_OUT) / accumulator.rating("flow_l_min")
    giving = inside(flow >= LEAST_SHARE)
    pressure = np.where(giving, accumulator.at(Port.PRESSURE_OUT) / accumulator.rating("pressure_bar"), np.nan)
    change = 60.0 * accumulator.rate(pressure)
    flow = np.where(np.isfinite(change), flow, np.nan)
    pressure, change, flow = np.split(moving_mean(np.concatenate([pressure, change, flow]), _SUM), 3)
    return pressure, change, flow


_PRESSURE = need(Port.PRESSURE_OUT)
_PRECHARGE = need("precharge_bar")

RESIDUALS = (
    Residual(
        "accumulator_capacitance",
        capacitance,
        (_PRESSURE, need(Port.FLOW_OUT)),
        (FaultMode.PRESSURE_DROP,),
        "−∂Q/∂(dp/dt) · p_rated/(Q_rated · 1 min)",
    ),
    Residual(
        "accumulator_gas",
        gas,
        (_PRESSURE, need(Port.FLOW_OUT), OIL_TEMPERATURE),
        (FaultMode.PRESSURE_DROP,),
        "n·C·p²/(p_rated·Q_rated · 1 min) · 293 K/T",
    ),
    Residual(
        "accumulator_precharge",
        precharge,
        (_PRESSURE, need(Port.FLOW_OUT), OIL_TEMPERATURE, need("volume_l"), _PRECHARGE),
        (FaultMode.PRESSURE_DROP,),
        "n·C·p²/(p0_rated·V0) · 293 K/T",
    ),
    Residual(
        "accumulator_precharge_knee",
        precharge_knee,
        (need(Port.PRESSURE_OUT, least_rate_hz=KNEE_RATE_HZ), _PRECHARGE),
        (FaultMode.PRESSURE_DROP,),
        "p/p0_rated where |dp/dt| leaps",
    ),
)
