"""Residuals of a pressure relief valve; its rated pressure is its setting."""

from edge_runtime.features.physics.operation import LEAST_SHARE, Float64Array, Operation
from edge_runtime.features.physics.residual import DROP, FLOW, Residual, need
from edge_runtime.features.physics.sums import line_where, mean_where, ratio_where
from edge_runtime.vocabulary import FaultMode, Port

# Of the setting: well above rest, well below what opens it.
_SHUT = (0.2, 0.8)


def cracking_pressure(valve: Operation) -> Float64Array:
    """Δp/p_set at which flow begins: where the line Δp = p_crack + R·Q of the flowing samples meets Q = 0.

    Near 1 in good order; a broken or relaxed spring lowers it. NaN while the flow stays the same.
    """
    _, intercept = line_where(valve.flow, valve.drop, valve.flow >= LEAST_SHARE)
    return intercept


def seat_leakage(valve: Operation) -> Float64Array:
    """Q/Q_rated between 20 and 80 % of the setting, where it should be shut: a worn or dirty seat lets oil through."""
    low, high = _SHUT
    return mean_where(valve.flow, (valve.drop >= low) & (valve.drop <= high))


def heating(valve: Operation) -> Float64Array:
    """Σ(T_out − T_in) / Σ(Δp/(ρ·c)): all energy throttled away heats the oil (first law), 1 bar by 0.06 K.

    Near 1 for oil that is throttled all the way; less where the thermometers see oil that came by another way.
    """
    rise_k = valve.at(Port.TEMPERATURE_OUT) - valve.at(Port.TEMPERATURE_IN)
    adiabatic_k = valve.drop_bar * 100.0 / valve.fluid.heat_j_l_k
    return ratio_where(rise_k, adiabatic_k, valve.drop >= LEAST_SHARE)


_SETTING = need("pressure_bar")

RESIDUALS = (
    Residual(
        "relief_cracking_pressure",
        cracking_pressure,
        (DROP, FLOW, _SETTING),
        (FaultMode.PRESSURE_DROP,),
        "Δp/p_set where the line through (Q, Δp) meets Q = 0",
    ),
    Residual(
        "relief_seat_leakage",
        seat_leakage,
        (DROP, FLOW, _SETTING),
        (FaultMode.LEAKAGE, FaultMode.CONTAMINATION),
        "mean Q/Q_rated at 0.2 ≤ Δp/p_set ≤ 0.8",
    ),
    Residual(
        "relief_heating",
        heating,
        (DROP, need(Port.TEMPERATURE_IN), need(Port.TEMPERATURE_OUT)),
        (FaultMode.OVERHEATING,),
        "Σ(T_out − T_in) / Σ(Δp/(ρ·c))",
    ),
)
