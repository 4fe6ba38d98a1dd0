"""Residuals of a hydraulic motor or rotary actuator: what it turns for what it swallows."""

from edge_runtime.features.physics.operation import LEAST_SHARE, W_PER_BAR_L_MIN, BoolArray, Float64Array, Operation
from edge_runtime.features.physics.residual import DISPLACEMENT, DROP, FLOW, OIL_TEMPERATURE, SPEED, Residual, need
from edge_runtime.features.physics.sums import mean_where, ratio_where
from edge_runtime.vocabulary import FaultMode, Port


def volumetric_efficiency(motor: Operation) -> Float64Array:
    """η_v = Σ(D·n) / ΣQ, of the oil swallowed the part that turns it, 0–1 (ISO 4392). Falls with internal leakage."""
    return ratio_where(motor.displaced_l_min, motor.flow * motor.rating("flow_l_min"), _running(motor))


def leakage(motor: Operation) -> Float64Array:
    """Laminar leakage (Q − D·n)/Q_rated · ν/ν40 · p_rated/Δp, the mean while it runs (Wilson 1946)."""
    lost = motor.flow - motor.displaced_l_min / motor.rating("flow_l_min")
    return mean_where(lost * motor.viscosity / motor.drop, _running(motor))


def hydromechanical_efficiency(motor: Operation) -> Float64Array:
    """η_hm = ΣP_shaft / Σ(Δp·D·n), 0–1 (ISO 4392). Falls with friction; the power is that at the shaft."""
    ideal_w = motor.drop_bar * motor.displaced_l_min * W_PER_BAR_L_MIN
    return ratio_where(motor.at(Port.POWER), ideal_w, _running(motor))


def _running(motor: Operation) -> BoolArray:
    return (motor.drop >= LEAST_SHARE) & (motor.flow >= LEAST_SHARE)


RESIDUALS = (
    Residual(
        "motor_volumetric_efficiency",
        volumetric_efficiency,
        (FLOW, DROP, DISPLACEMENT, SPEED),
        (FaultMode.LEAKAGE,),
        "Σ(D·n) / ΣQ",
    ),
    Residual(
        "motor_leakage",
        leakage,
        (FLOW, DROP, DISPLACEMENT, SPEED, OIL_TEMPERATURE),
        (FaultMode.LEAKAGE, FaultMode.SEAL_DEGRADATION),
        "(Q − D·n)/Q_rated · ν/ν40 · p_rated/Δp",
    ),
    Residual(
        "motor_hydromechanical_efficiency",
        hydromechanical_efficiency,
        (FLOW, DROP, DISPLACEMENT, SPEED, need(Port.POWER)),
        (FaultMode.CONTAMINATION, FaultMode.VIBRATION_ANOMALY),
        "ΣP_shaft / Σ(Δp·D·n)",
    ),
)
