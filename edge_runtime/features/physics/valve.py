"""Residuals of directional and flow control valves: how wide they open, how fast, and how tightly they close."""

import numpy as np

from edge_runtime.features.physics.operation import LEAST_SHARE, Float64Array, Operation
from edge_runtime.features.physics.residual import DROP, FLOW, Need, Residual, need
from edge_runtime.features.physics.sums import inside, ratio_where
from edge_runtime.features.physics.switching import dead_samples, rise_samples
from edge_runtime.vocabulary import FaultMode, Port

SWITCHING_RATE_HZ = 20.0
"""Least rate at which a switching time of some tens of milliseconds can be told."""

_OPEN, _CLOSED = 0.1, 0.05


def conductance(valve: Operation) -> Float64Array:
    """K = Σ(Q/Q_rated) / Σ(u·√(Δp/p_rated)) while it is commanded open: the orifice law Q = C_d·A(u)·√(2Δp/ρ).

    Falls where a spool sticks short of its command or an edge is clogged; rises where an edge is worn.
    """
    command = valve.at(Port.COMMAND) / 100.0
    return ratio_where(valve.flow, command * np.sqrt(np.maximum(valve.drop, 0.0)), command >= _OPEN)


def open_conductance(valve: Operation) -> Float64Array:
    """K = Σ(Q/Q_rated) / Σ√(Δp/p_rated) while oil flows: the orifice law for a valve whose command isn't known."""
    return ratio_where(valve.flow, np.sqrt(np.maximum(valve.drop, 0.0)), valve.flow >= LEAST_SHARE)


def dead_time(valve: Operation) -> Float64Array:
    """Median time from a command to 10 % of the response, over the rated response time: rises with stiction."""
    return _over_rated(
        valve, [dead_samples(*row) for row in zip(valve.at(Port.COMMAND), _response(valve), strict=True)]
    )


def rise_time(valve: Operation) -> Float64Array:
    """Median time from 10 to 90 % of the response's rise, over the rated response time: rises as a spool lags."""
    return _over_rated(valve, [rise_samples(row) for row in _response(valve)])


def closed_decay(valve: Operation) -> Float64Array:
    """−60 s · (dp/dt)/p behind the valve while it is shut, of the pressure it holds the part lost per minute."""
    pressure = valve.at(Port.PRESSURE_OUT)
    shut = np.abs(valve.at(Port.COMMAND)) <= 100.0 * _CLOSED
    held = inside(shut) & (pressure >= LEAST_SHARE * valve.rating("pressure_bar"))
    return -60.0 * ratio_where(valve.rate(pressure), pressure, held)


def _response(valve: Operation) -> Float64Array:
    """Whatever follows the spool: its position, or else the pressure or flow behind it."""
    response = valve.at(Port.FLOW_OUT)
    for port in (Port.PRESSURE_OUT, Port.POSITION):
        better = valve.at(port)
        response = np.where(np.isfinite(better).any(axis=1, keepdims=True), better, response)
    return response


def _over_rated(valve: Operation, samples: list[float]) -> Float64Array:
    rated_s = valve.rating("response_ms")[:, 0] / 1000.0
    return np.array(samples) * valve.step_s / rated_s


_COMMAND = need(Port.COMMAND)
_FAST_COMMAND = need(Port.COMMAND, least_rate_hz=SWITCHING_RATE_HZ)
_FAST_RESPONSE = Need(((Port.PRESSURE_OUT,), (Port.POSITION,), (Port.FLOW_OUT,)), SWITCHING_RATE_HZ)

RESIDUALS = (
    Residual(
        "valve_conductance",
        conductance,
        (FLOW, DROP, _COMMAND),
        (FaultMode.VALVE_STICTION, FaultMode.FLOW_RESTRICTION),
        "Σ(Q/Q_rated) / Σ(u·√(Δp/p_rated))",
    ),
    Residual(
        "valve_open_conductance",
        open_conductance,
        (FLOW, DROP),
        (FaultMode.FLOW_RESTRICTION, FaultMode.VALVE_STICTION),
        "Σ(Q/Q_rated) / Σ√(Δp/p_rated)",
    ),
    Residual(
        "valve_dead_time",
        dead_time,
        (_FAST_COMMAND, _FAST_RESPONSE),
        (FaultMode.VALVE_STICTION,),
        "(t10 of the response − t50 of the command) / t_rated",
    ),
    Residual(
        "valve_rise_time",
        rise_time,
        (_FAST_RESPONSE,),
        (FaultMode.VALVE_STICTION,),
        "(t90 − t10 of the response) / t_rated",
    ),
    Residual(
        "valve_closed_decay",
        closed_decay,
        (_COMMAND, need(Port.PRESSURE_OUT)),
        (FaultMode.LEAKAGE, FaultMode.SEAL_DEGRADATION),
        "−60 s · Σ(dp/dt) / Σp, shut",
    ),
)
