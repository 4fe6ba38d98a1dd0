"""Residuals of a displacement pump: what it gives for what it takes."""

import numpy as np

from edge_runtime.features.physics.operation import (
    ATMOSPHERE_BAR,
    LEAST_SHARE,
    W_PER_BAR_L_MIN,
    BoolArray,
    Float64Array,
    Operation,
)
from edge_runtime.features.physics.residual import DISPLACEMENT, DROP, FLOW, OIL_TEMPERATURE, SPEED, Residual, need
from edge_runtime.features.physics.sums import line_where, mean_where, ratio_where
from edge_runtime.vocabulary import FaultMode, Port

_WORKING_FLOW = 0.5
"""Of the rated flow: with less a relief valve takes the oil, or a variable pump is stroked back."""


def volumetric_efficiency(pump: Operation) -> Float64Array:
    """η_v = ΣQ / Σ(D·n), of the oil displaced the part delivered, 0–1 (ISO 4391). Falls with internal leakage."""
    return ratio_where(pump.flow * pump.rating("flow_l_min"), pump.displaced_l_min, _delivering(pump))


def leakage(pump: Operation) -> Float64Array:
    """Laminar leakage (D·n − Q)/(D·n) · ν/ν40 · p_rated/Δp, the mean while it delivers.

    Wilson's slip coefficient (Wilson 1946), Q_s = C_s·D·Δp/μ: through a gap leakage rises with pressure and falls with
    viscosity, so what is left is the gap, whatever the load and the oil's temperature.
    """
    lost = 1.0 - pump.flow * pump.rating("flow_l_min") / pump.displaced_l_min
    return mean_where(lost * pump.viscosity / _rise(pump), _delivering(pump))


def delivery(pump: Operation) -> Float64Array:
    """Mean Q/Q_rated while it delivers against a load: what is left of the rated flow, when D and n aren't known."""
    return mean_where(pump.flow, _delivering(pump))


def flow_droop(pump: Operation) -> Float64Array:
    """Minus the slope of Q/Q_rated over (Δp/p_rated)/(ν/ν40), while it delivers: leakage without D and n.

    The same law as `leakage`, Q = D·n − C·Δp/μ at constant speed, from how the flow gives way as the load rises; NaN
    while the load stays the same.
    """
    slope, _ = line_where(_rise(pump) / pump.viscosity, pump.flow, _delivering(pump))
    return -slope


def overall_efficiency(pump: Operation) -> Float64Array:
    """η = Σ(Δp·Q) / ΣP, hydraulic energy over that of the motor, 0–1 (ISO 4391). Falls with leakage and friction."""
    hydraulic_w = _rise_bar(pump) * pump.flow * pump.rating("flow_l_min") * W_PER_BAR_L_MIN
    return ratio_where(hydraulic_w, pump.at(Port.POWER), _delivering(pump))


def hydromechanical_efficiency(pump: Operation) -> Float64Array:
    """η_hm = Σ(Δp·D·n) / ΣP, 0–1 (ISO 4391, with the motor's own losses). Falls with friction, not with leakage."""
    ideal_w = _rise_bar(pump) * pump.displaced_l_min * W_PER_BAR_L_MIN
    return ratio_where(ideal_w, pump.at(Port.POWER), _loaded(pump))


def suction_margin(pump: Operation) -> Float64Array:
    """Least absolute inlet pressure over the atmosphere's, 0–1 and more.

    Oil gives off its air below about 0.8 and cavitates towards 0 (Ivantysyn, Hydrostatic Pumps and Motors).
    """
    inlet = pump.at(Port.PRESSURE_IN)
    least = np.where(np.isfinite(inlet), inlet, np.inf).min(axis=1)
    return np.where(np.isfinite(least), 1.0 + least / ATMOSPHERE_BAR, np.nan)


def _rise_bar(pump: Operation) -> Float64Array:
    """Δp, [n, s]; which way round a differential gauge is connected to a pump doesn't matter."""
    return np.abs(pump.drop_bar)


def _rise(pump: Operation) -> Float64Array:
    return np.abs(pump.drop)


def _loaded(pump: Operation) -> BoolArray:
    return _rise(pump) >= LEAST_SHARE


def _delivering(pump: Operation) -> BoolArray:
    return _loaded(pump) & (pump.flow >= _WORKING_FLOW)


_POWER = need(Port.POWER)

RESIDUALS = (
    Residual(
        "pump_volumetric_efficiency",
        volumetric_efficiency,
        (FLOW, DROP, DISPLACEMENT, SPEED),
        (FaultMode.LEAKAGE,),
        "ΣQ / Σ(D·n)",
    ),
    Residual(
        "pump_leakage",
        leakage,
        (FLOW, DROP, DISPLACEMENT, SPEED, OIL_TEMPERATURE),
        (FaultMode.LEAKAGE, FaultMode.SEAL_DEGRADATION),
        "(D·n − Q)/(D·n) · ν/ν40 · p_rated/Δp",
    ),
    Residual(
        "pump_delivery",
        delivery,
        (FLOW, DROP),
        (FaultMode.LEAKAGE,),
        "mean Q/Q_rated under load",
    ),
    Residual(
        "pump_flow_droop",
        flow_droop,
        (FLOW, DROP, OIL_TEMPERATURE),
        (FaultMode.LEAKAGE,),
        "−d(Q/Q_rated) / d(Δp/p_rated · ν40/ν)",
    ),
    Residual(
        "pump_overall_efficiency",
        overall_efficiency,
        (FLOW, DROP, _POWER),
        (FaultMode.LEAKAGE, FaultMode.CONTAMINATION),
        "Σ(Δp·Q) / ΣP",
    ),
    Residual(
        "pump_hydromechanical_efficiency",
        hydromechanical_efficiency,
        (DROP, DISPLACEMENT, SPEED, _POWER),
        (FaultMode.CONTAMINATION, FaultMode.VIBRATION_ANOMALY),
        "Σ(Δp·D·n) / ΣP",
    ),
    Residual(
        "pump_suction_margin",
        suction_margin,
        (need(Port.PRESSURE_IN),),
        (FaultMode.CAVITATION,),
        "min(p_in, absolute) / p_atmosphere",
    ),
)
