"""`physics-1` of a window: each residual at each component that has what it needs."""

import numpy as np
import numpy.typing as npt

from edge_runtime.features.physics.layout import Int64Array, Layout, Task, layout_of
from edge_runtime.features.physics.operation import Float64Array, Operation
from edge_runtime.features.physics.registry import PHYSICS
from edge_runtime.features.sequence import window_means
from edge_runtime.machine import Machine
from edge_runtime.vocabulary import CANONICAL_CHANNELS
from edge_runtime.window import Window

Float32Array = npt.NDArray[np.float32]

LARGEST = 1e3
"""Largest magnitude of a residual; those of a healthy machine are near 1."""


def physics_residuals(machine: Machine, window: Window, means: Float64Array) -> tuple[Float32Array, Float32Array]:
    """`physics-1` of all components.

    Args:
        machine: whose window it is.
        window: for what needs signals at their own rate.
        means: [sensors, s], the window's signals as means over s equal parts; NaN where missing.

    Returns:
        Residuals and mask, float32 [N, R] each. A residual is 0 where its mask is 0.
    """
    layout = layout_of(machine)
    residuals = np.full((len(machine.components), len(PHYSICS)), np.nan)
    step_s = (window.end_us - window.start_us) / 1e6 / means.shape[1]
    for task in layout.tasks:
        if task.residual.fast:
            for node in task.nodes:
                residuals[node, task.place] = _from_own_rate(machine, layout, window, task, int(node))
        else:
            residuals[task.nodes, task.place] = task.residual.compute(
                _operation(machine, layout, means, task.nodes, step_s)
            )
    mask = np.isfinite(residuals)
    kept = np.clip(np.where(mask, residuals, 0.0), -LARGEST, LARGEST)
    return kept.astype(np.float32), mask.astype(np.float32)


def _operation(machine: Machine, layout: Layout, signals: Float64Array, nodes: Int64Array, step_s: float) -> Operation:
    # The last row stands for NO_SIGNAL.
    padded = np.vstack([signals, np.full((1, signals.shape[1]), np.nan)])
    return Operation(
        channels=padded[layout.signals[nodes]],
        beyond=padded[layout.beyond[nodes]],
        from_tank=layout.from_tank[nodes],
        to_tank=layout.to_tank[nodes],
        viscosity=machine.fluid.relative_viscosity(padded[layout.oil[nodes]]),
        nameplates=layout.nameplates[nodes],
        ratings=layout.ratings[nodes],
        line_volume_l=layout.line_volume_l[nodes],
        fluid=machine.fluid,
        step_s=step_s,
    )


def _from_own_rate(machine: Machine, layout: Layout, window: Window, task: Task, node: int) -> float:
    """A residual from the signals that it needs, on the grid of the fastest of them."""
    length_us = window.end_us - window.start_us
    ports = {item for one in task.residual.needs for items in one.alternatives for item in items}
    numbers = {
        int(layout.signals[node, channel])
        for channel, port in enumerate(CANONICAL_CHANNELS)
        if port in ports and layout.signals[node, channel] >= 0
    }
    measured = [number for number in numbers if len(window.channels[number].values)]
    if not measured:
        return np.nan
    samples = max(len(window.channels[number].values) for number in measured)
    step_us = length_us / samples
    least_hz = max(one.least_rate_hz for one in task.residual.needs)
    if step_us * least_hz > 1e6:
        return np.nan
    signals = np.full((len(machine.sensors), samples), np.nan)
    for number in measured:
        channel = window.channels[number]
        signals[number] = window_means(channel.values[None], channel.step_us, length_us, samples)[0]
    residual = task.residual.compute(_operation(machine, layout, signals, np.array([node]), length_us / samples / 1e6))
    return float(residual[0])
