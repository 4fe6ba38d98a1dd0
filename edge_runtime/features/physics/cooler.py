"""Residuals of an oil cooler or other heat exchanger; its rated power is the heat that it is to take away."""

import numpy as np

from edge_runtime.features.physics.operation import LEAST_SHARE, Float64Array, Operation
from edge_runtime.features.physics.residual import DROP, FLOW, OIL_TEMPERATURE, Residual, need
from edge_runtime.features.physics.sums import mean_where, ratio_where
from edge_runtime.vocabulary import FaultMode, Port

_SPAN_K = 40.0
# Oil this little above the coolant is cooled by nothing that can be measured.
_LEAST_EXCESS_K = 2.0


def temperature_drop(cooler: Operation) -> Float64Array:
    """(T_in − T_out)/40 K, the mean. Falls with a fouled cooler, and with hot coolant or much oil as well."""
    drop_k = _drop_k(cooler)
    return mean_where(drop_k / _SPAN_K, np.isfinite(drop_k))


def heat(cooler: Operation) -> Float64Array:
    """ρ·c·Q·(T_in − T_out)/P_rated, the heat taken out of the oil, the mean."""
    flow_l_s = cooler.flow * cooler.rating("flow_l_min") / 60.0
    watts = cooler.fluid.heat_j_l_k * flow_l_s * _drop_k(cooler)
    return mean_where(watts / cooler.rating("power_w"), np.isfinite(watts))


def effectiveness(cooler: Operation) -> Float64Array:
    """ε = Σ(T_in − T_out) / Σ(T_in − T_coolant), 0–1, of the cooling that is possible the part done (Kays, London)."""
    excess_k = cooler.at(Port.TEMPERATURE_IN) - cooler.nameplate("coolant_c")
    return ratio_where(_drop_k(cooler), excess_k, excess_k >= _LEAST_EXCESS_K)


def conductance(cooler: Operation) -> Float64Array:
    """UA/(ρ·c·Q_rated) = −ln(1 − ε)·Q/Q_rated: ε = 1 − exp(−NTU), NTU = UA/(ρ·c·Q), the oil the smaller stream.

    What fouling takes from a cooler whatever the flow of oil is.
    """
    units = -np.log1p(-effectiveness(cooler))
    return units * mean_where(cooler.flow, cooler.flow >= LEAST_SHARE)


def resistance(cooler: Operation) -> Float64Array:
    """Σ(Δp/p_rated) / Σ(ν/ν40 · Q/Q_rated), laminar resistance of its passages. Rises as they clog."""
    return ratio_where(cooler.drop, cooler.viscosity * cooler.flow, cooler.flow >= LEAST_SHARE)


def _drop_k(cooler: Operation) -> Float64Array:
    return cooler.at(Port.TEMPERATURE_IN) - cooler.at(Port.TEMPERATURE_OUT)


_TEMPERATURES = (need(Port.TEMPERATURE_IN), need(Port.TEMPERATURE_OUT))
_COOLANT = need("coolant_c")

RESIDUALS = (
    Residual(
        "cooler_temperature_drop",
        temperature_drop,
        _TEMPERATURES,
        (FaultMode.OVERHEATING,),
        "(T_in − T_out) / 40 K",
    ),
    Residual(
        "cooler_heat",
        heat,
        (*_TEMPERATURES, FLOW),
        (FaultMode.OVERHEATING,),
        "ρ·c·Q·(T_in − T_out) / P_rated",
        through=True,
    ),
    Residual(
        "cooler_effectiveness",
        effectiveness,
        (*_TEMPERATURES, _COOLANT),
        (FaultMode.OVERHEATING,),
        "Σ(T_in − T_out) / Σ(T_in − T_coolant)",
    ),
    Residual(
        "cooler_conductance",
        conductance,
        (*_TEMPERATURES, _COOLANT, FLOW),
        (FaultMode.OVERHEATING, FaultMode.CONTAMINATION),
        "−ln(1 − ε) · Q/Q_rated",
        through=True,
    ),
    Residual(
        "cooler_resistance",
        resistance,
        (DROP, FLOW, OIL_TEMPERATURE),
        (FaultMode.FLOW_RESTRICTION, FaultMode.CONTAMINATION),
        "Σ(Δp/p_rated) / Σ(ν/ν40 · Q/Q_rated)",
        through=True,
    ),
)
