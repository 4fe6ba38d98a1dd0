"""Residuals of a tank: whether it warms up and whether it loses oil; its level is at port `position`."""

import numpy as np

from edge_runtime.features.physics.operation import Float64Array, Operation
from edge_runtime.features.physics.residual import Need, Residual, need
from edge_runtime.features.physics.sums import mean_where
from edge_runtime.vocabulary import FaultMode, Port


def heat_storage(tank: Operation) -> Float64Array:
    """ρ·c·V·(dT/dt)/P_rated: of the power put into the machine the part that stays in its oil (first law).

    About 0 once it is warm; rises when the cooler takes away less than the losses bring.
    """
    oil = tank.at(Port.TEMPERATURE_OUT)
    temperature = np.where(np.isfinite(oil), oil, tank.at(Port.TEMPERATURE_IN))
    watts = tank.fluid.heat_j_l_k * tank.nameplate("volume_l") * tank.rate(temperature)
    return mean_where(watts / tank.rating("power_w"), np.isfinite(watts))


def level_change(tank: Operation) -> Float64Array:
    """Mean (dx/dt)/range · 1 h of the level: falls steadily when oil leaves the machine (continuity)."""
    rate = tank.rate(tank.at(Port.POSITION) / tank.rating("stroke_mm"))
    return mean_where(3600.0 * rate, np.isfinite(rate))


RESIDUALS = (
    Residual(
        "tank_heat_storage",
        heat_storage,
        (Need(((Port.TEMPERATURE_OUT,), (Port.TEMPERATURE_IN,))), need("volume_l")),
        (FaultMode.OVERHEATING,),
        "ρ·c·V·(dT/dt) / P_rated",
    ),
    Residual(
        "tank_level_change",
        level_change,
        (need(Port.POSITION),),
        (FaultMode.LEAKAGE,),
        "(dx/dt)/range · 1 h",
    ),
)
