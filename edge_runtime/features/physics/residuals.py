"""`physics-1` of windows: each residual at each component that has what it needs."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from edge_runtime.features.physics.layout import Int64Array, Layout, layout_of
from edge_runtime.features.physics.operation import Float64Array, Operation
from edge_runtime.features.physics.pipes import NO_SIGNAL
from edge_runtime.features.physics.registry import PHYSICS
from edge_runtime.features.physics.residual import Item, Known, Residual
from edge_runtime.features.sequence import window_means
from edge_runtime.machine import Machine
from edge_runtime.vocabulary import CANONICAL_CHANNELS
from edge_runtime.window import Window

Float32Array = npt.NDArray[np.float32]

LARGEST = 1e3
"""Largest magnitude of a residual; those of a healthy machine are near 1."""


def physics_residuals(
    machine: Machine, windows: Sequence[Window], means: Float64Array
) -> tuple[Float32Array, Float32Array]:
    """`physics-1` of all components.

    Args:
        machine: whose windows they are.
        windows: W of the same length, for what needs signals at their own rate.
        means: [W, sensors, s], the windows' signals as means over s equal parts; NaN where missing.

    Returns:
        Residuals and mask, float32 [W, N, R] each. A residual is 0 where its mask is 0.
    """
    layout = layout_of(machine)
    count, _, samples = means.shape
    step_s = windows[0].length_us / 1e6 / samples
    padded = np.concatenate([means, np.full((count, 1, samples), np.nan)], axis=1)
    residuals = np.full((count, len(machine.components), len(PHYSICS)), np.nan)
    # What can't be divided, or is too large to be true, comes out as not finite.
    with np.errstate(all="ignore"):
        for task in layout.tasks:
            operation = _operation(machine, layout, task.nodes, padded, step_s)
            for place, residual in task.residuals:
                if residual.fast:
                    residuals[:, task.nodes, place] = [
                        [_from_own_rate(machine, layout, node, window, residual) for node in task.nodes]
                        for window in windows
                    ]
                else:
                    residuals[:, task.nodes, place] = residual.compute(operation).reshape(count, -1)
    mask = np.isfinite(residuals)
    kept = np.clip(np.where(mask, residuals, 0.0), -LARGEST, LARGEST)
    return kept.astype(np.float32), mask.astype(np.float32)


def _from_own_rate(machine: Machine, layout: Layout, node: int, window: Window, residual: Residual) -> float:
    """A residual at one node from the signals that it needs, on the grid of the fastest of them."""
    length_us = window.length_us
    at: dict[Item, int] = dict(zip(CANONICAL_CHANNELS, layout.signals[node].tolist(), strict=True))
    at[Known.FLOW_BEYOND] = int(layout.beyond[node])
    channels = {
        at[item]: window.channels[at[item]]
        for one in residual.needs
        for item in chain.from_iterable(one.alternatives)
        if at.get(item, NO_SIGNAL) != NO_SIGNAL
        and len(window.channels[at[item]].values) * 1e6 >= length_us * one.least_rate_hz
    }
    samples = max((len(channel.values) for channel in channels.values()), default=0)
    if samples == 0:
        return np.nan
    padded = np.full((1, len(machine.sensors) + 1, samples), np.nan)
    for number, channel in channels.items():
        if len(channel.values) == samples:
            padded[0, number] = channel.values
        else:
            padded[0, number] = window_means(channel.values[None], channel.step_us, length_us, samples)[0]
    operation = _operation(machine, layout, np.array([node]), padded, length_us / samples / 1e6)
    return float(residual.compute(operation)[0])


def _operation(machine: Machine, layout: Layout, nodes: Int64Array, padded: Float64Array, step_s: float) -> Operation:
    """The components `nodes` in each window of `padded`, [W, sensors + 1, s], one window after the other."""
    count, _, samples = padded.shape
    each = np.tile(nodes, count)
    # The last row of a window in `padded` is unknown throughout; NO_SIGNAL, -1, leads there.
    return Operation(
        channels=padded[:, layout.signals[nodes]].reshape(len(each), -1, samples),
        beyond=padded[:, layout.beyond[nodes]].reshape(len(each), samples),
        oil_c=padded[:, layout.oil[nodes]].reshape(len(each), samples),
        from_tank=layout.from_tank[each],
        to_tank=layout.to_tank[each],
        nameplates=layout.nameplates[each],
        ratings=layout.ratings[each],
        line_volume_l=layout.line_volume_l[each],
        fluid=machine.fluid,
        step_s=step_s,
    )
