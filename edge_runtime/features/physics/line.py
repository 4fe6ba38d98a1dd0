"""Residuals of the one line behind a component: what gets lost on the way, and how stiff the oil in it is."""

import numpy as np

from edge_runtime.features.physics.operation import Float64Array, Operation
from edge_runtime.features.physics.residual import Known, Residual, need
from edge_runtime.features.physics.sums import line_where, mean_where
from edge_runtime.vocabulary import FaultMode, Port

BULK_RATE_HZ = 50.0
"""Least rate at which a line of some litres fills visibly: K/V·Q is thousands of bar a second."""

NOMINAL_BULK_BAR = 14_000.0
"""Bulk modulus of mineral oil without free air."""


def flow_loss(line: Operation) -> Float64Array:
    """Mean (Q_up − Q_down)/Q_rated: what flows into an unbranched line leaves it (continuity), unless it leaks."""
    lost = _imbalance(line)
    return mean_where(lost, np.isfinite(lost))


def bulk_modulus(line: Operation) -> Float64Array:
    """K_eff/14000 bar, K_eff = V·d(dp/dt)/d(Q_up − Q_down): compressibility of the oil with the air and hose around it.

    The slope over the window, so that a constant difference of the two meters doesn't matter. One part of free air in
    a hundred halves it and more at low pressure (Merritt 1967).
    """
    slope, _ = line_where(_imbalance(line), line.rate(line.at(Port.PRESSURE_OUT)), np.isfinite(line.beyond))
    bar_per_l = slope / (line.rating("flow_l_min")[:, 0] / 60.0)
    return np.where(bar_per_l > 0.0, bar_per_l * line.line_volume_l / NOMINAL_BULK_BAR, np.nan)


def _imbalance(line: Operation) -> Float64Array:
    return (line.at(Port.FLOW_OUT) - line.beyond) / line.rating("flow_l_min")


_UP = need(Port.FLOW_OUT, least_rate_hz=BULK_RATE_HZ)
_DOWN = need(Known.FLOW_BEYOND, least_rate_hz=BULK_RATE_HZ)

RESIDUALS = (
    Residual(
        "line_flow_loss",
        flow_loss,
        (need(Port.FLOW_OUT), need(Known.FLOW_BEYOND)),
        (FaultMode.LEAKAGE,),
        "(Q_up − Q_down) / Q_rated",
    ),
    Residual(
        "line_bulk_modulus",
        bulk_modulus,
        (_UP, _DOWN, need(Port.PRESSURE_OUT, least_rate_hz=BULK_RATE_HZ)),
        (FaultMode.CAVITATION, FaultMode.CONTAMINATION),
        "V · d(dp/dt)/d(Q_up − Q_down) / 14000 bar",
    ),
)
