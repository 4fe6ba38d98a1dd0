"""Sensors made faulty, so that a network can learn to tell a bad sensor from a bad component.

The kinds are those that R. Isermann (Fault-Diagnosis Systems, 2006, chapter 2) gives for sensors, less the constant
offset: within one window nothing tells it from another operating point.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edge_runtime.graph import Float32Array
from edge_runtime.machine import Machine
from edge_runtime.reading import Float64Array
from edge_runtime.vocabulary import CANONICAL_CHANNELS, Port
from edge_runtime.window import Window
from training.augmentation import sensor_scale

DRIFT = (0.1, 0.5)
"""How far a drifting sensor is off at the window's end, in shares of its scale."""

NOISE = (0.03, 0.15)
"""Standard deviation of a noisy sensor's noise, in shares of its scale."""

BoolArray = npt.NDArray[np.bool_]


def with_faulty_sensors(
    window: Window, machine: Machine, share: float, random: np.random.Generator
) -> tuple[Window, BoolArray]:
    """The window with some sensors drifting, stuck or noisy; gaps stay gaps, and what is silent stays silent.

    Args:
        window: of `machine`.
        machine: its nameplate gives the scales.
        share: probability that a sensor is faulty.
        random: one state of it gives one result.

    Returns:
        The window, and which sensors are faulty, bool [sensors] in their order.
    """
    faulty = (random.random(len(window.channels)) < share) & [len(channel.values) > 0 for channel in window.channels]
    kinds = (_drifting, _stuck, _noisy)
    channels = tuple(
        replace(
            channel,
            values=kinds[random.integers(len(kinds))](
                channel.values.astype(np.float64), sensor_scale(machine, number), random
            ).astype(np.float32),
        )
        if faulty[number]
        else channel
        for number, channel in enumerate(window.channels)
    )
    return replace(window, channels=channels), faulty


def faulty_channels(machine: Machine, faulty: BoolArray) -> Float32Array:
    """1 at each place, float32 [N, 13], that a faulty one of the machine's sensors has."""
    places = np.zeros((len(machine.components), len(CANONICAL_CHANNELS)), np.float32)
    for number in np.flatnonzero(faulty):
        for place in machine.sensors[int(number)].placements:
            if place.port is not Port.COMPUTED:
                places[machine.component_index[place.component], CANONICAL_CHANNELS.index(place.port)] = 1
    return places


def _drifting(values: Float64Array, scale: float, random: np.random.Generator) -> Float64Array:
    off = random.choice([-1, 1]) * random.uniform(*DRIFT) * scale
    return values + np.linspace(0, off, len(values))


def _stuck(values: Float64Array, _scale: float, random: np.random.Generator) -> Float64Array:
    since = int(random.integers(0, len(values) // 2 + 1))
    left = np.flatnonzero(np.isfinite(values[since:])) + since  # a gap has no value to be stuck at
    stuck = values.copy()
    stuck[left] = values[left[:1]]
    return stuck


def _noisy(values: Float64Array, scale: float, random: np.random.Generator) -> Float64Array:
    return values + random.uniform(*NOISE) * scale * random.standard_normal(len(values))
