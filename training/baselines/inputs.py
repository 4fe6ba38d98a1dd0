"""Windows as simple models read them: one row a window, missing is NaN."""

from collections.abc import Sequence

import numpy as np

from edge_runtime.graph import GraphSample, Int64Array
from edge_runtime.machine import Machine
from edge_runtime.vocabulary import CANONICAL_CHANNELS, Port
from training.metrics import Float64Array

CHANNELS = len(CANONICAL_CHANNELS)


def sensor_features(machine: Machine, samples: Sequence[GraphSample]) -> Float64Array:
    """`classic-34` of each sensor at its own place, float64 [windows, sensors · 34]; NaN where missing."""
    node, channel = _places(machine)
    features, mask = (
        np.stack([getattr(sample, name) for sample in samples])
        .reshape(len(samples), len(machine.components), CHANNELS, -1)[:, node, channel]
        .reshape(len(samples), -1)
        for name in ("features", "feature_mask")
    )
    return np.where(mask > 0, features, np.nan).astype(np.float64)


def sensor_cycles(machine: Machine, samples: Sequence[GraphSample]) -> Float64Array:
    """`sequence-64` of each sensor at its own place, float64 [windows, sensors, 64]; NaN where missing."""
    node, channel = _places(machine)
    cycles = np.stack([sample.sequence for sample in samples])[:, node, channel]
    mask = np.stack([sample.sequence_mask for sample in samples])[:, node, channel]
    return np.where(mask > 0, cycles, np.nan).astype(np.float64)


def _places(machine: Machine) -> tuple[Int64Array, Int64Array]:
    places = [
        (machine.component_index[sensor.component], CANONICAL_CHANNELS.index(sensor.port))
        for sensor in machine.sensors
        if sensor.port is not Port.COMPUTED
    ]
    node, channel = np.array(places, np.int64).T
    return node, channel
