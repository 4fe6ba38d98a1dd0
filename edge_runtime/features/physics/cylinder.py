"""Residuals of a cylinder; port `in` is at the piston side A, `out` at the rod side B, and it extends as x rises."""

from math import pi

import numpy as np

from edge_runtime.features.physics.operation import Float64Array, Operation
from edge_runtime.features.physics.residual import Residual, need
from edge_runtime.features.physics.sums import mean_where
from edge_runtime.vocabulary import FaultMode, Port

# Strokes a second; slower is creeping, where friction is of another kind.
_MOVING = 0.01
_AT_REST = 5.0


def hold_drift(cylinder: Operation) -> Float64Array:
    """|mean dx/dt| / stroke · 60 s while the command is zero: strokes a minute that it creeps under its load.

    Oil passes the piston's seal or the valve that holds it.
    """
    return np.abs(mean_where(60.0 * _speed(cylinder), np.abs(cylinder.at(Port.COMMAND)) <= _AT_REST))


def friction(cylinder: Operation) -> Float64Array:
    """Half the difference of (p_A·A1 − p_B·A2)/(p_rated·A1) between extending and retracting.

    The balance m·ẍ = p_A·A1 − p_B·A2 − F_load − F_friction·sgn(ẋ) at constant speed; a load that is the same both ways
    cancels. Rises as seals swell or a rod bends, falls as they wear.
    """
    ratio = 1.0 - (cylinder.nameplate("rod_mm") / cylinder.nameplate("bore_mm")) ** 2
    force = cylinder.at(Port.PRESSURE_IN) - ratio * cylinder.at(Port.PRESSURE_OUT)
    speed = _speed(cylinder)
    extending, retracting = mean_where(force, speed >= _MOVING), mean_where(force, speed <= -_MOVING)
    return (extending - retracting) / 2.0 / cylinder.rating("pressure_bar")[:, 0]


def leakage(cylinder: Operation) -> Float64Array:
    """(Q − A1·v)/Q_rated while it extends: oil that enters the piston side and doesn't move the piston."""
    area_mm2 = pi / 4.0 * cylinder.nameplate("bore_mm") ** 2
    speed = _speed(cylinder)
    swept_l_min = area_mm2 * speed * cylinder.rating("stroke_mm") * 60e-6
    lost = (cylinder.at(Port.FLOW_IN) - swept_l_min) / cylinder.rating("flow_l_min")
    return mean_where(lost, speed >= _MOVING)


def _speed(cylinder: Operation) -> Float64Array:
    """Strokes a second, [n, s]."""
    return cylinder.rate(cylinder.at(Port.POSITION) / cylinder.rating("stroke_mm"))


_POSITION = need(Port.POSITION)
_BORE = need("bore_mm")

RESIDUALS = (
    Residual(
        "cylinder_hold_drift",
        hold_drift,
        (_POSITION, need(Port.COMMAND)),
        (FaultMode.SEAL_DEGRADATION, FaultMode.LEAKAGE),
        "|mean dx/dt| / stroke · 60 s, at rest",
    ),
    Residual(
        "cylinder_friction",
        friction,
        (need(Port.PRESSURE_IN), need(Port.PRESSURE_OUT), _POSITION, _BORE, need("rod_mm")),
        (FaultMode.SEAL_DEGRADATION, FaultMode.CONTAMINATION),
        "½ Δ(p_A − p_B·A2/A1) / p_rated, out less in",
    ),
    Residual(
        "cylinder_leakage",
        leakage,
        (need(Port.FLOW_IN), _POSITION, _BORE),
        (FaultMode.LEAKAGE, FaultMode.SEAL_DEGRADATION),
        "(Q − A1·v) / Q_rated, extending",
    ),
)
