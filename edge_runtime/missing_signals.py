"""How many of its own signals a component lacks: a diagnosis is less sure without them."""

from functools import lru_cache

import numpy as np

from edge_runtime.graph import GraphSample, Int64Array
from edge_runtime.machine import MACHINES_KEPT, Machine
from edge_runtime.vocabulary import CANONICAL_CHANNELS, Port

LEAST_MEASURED = 0.9
"""Share of its samples below which a signal counts as missing; the discriminant does without it from there on too."""


def missing_signals(machine: Machine, sample: GraphSample) -> Int64Array:
    """Signals that the machine has a sensor for and the window doesn't show, int64 [N].

    Args:
        machine: whose sensors are meant.
        sample: of one window of it.
    """
    node, channel = _places(machine)
    measured = sample.sequence_mask.mean(axis=2)[node, channel]
    return np.bincount(node[measured < LEAST_MEASURED], minlength=sample.nodes).astype(np.int64)


@lru_cache(maxsize=MACHINES_KEPT)
def _places(machine: Machine) -> Int64Array:
    """Node and channel of every place of a sensor, [2, places]."""
    places = [
        (machine.component_index[place.component], CANONICAL_CHANNELS.index(place.port))
        for sensor in machine.sensors
        for place in sensor.placements
        if place.port is not Port.COMPUTED
    ]
    return np.array(places, np.int64).reshape(-1, 2).T
