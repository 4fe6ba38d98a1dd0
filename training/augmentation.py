"""Changes to a window's signals as another sensor of the same kind would show them: noise, gain, offset, time.

They are made to the signals, before any feature, so that features, masks and residuals come out as they would on a
machine whose sensors are like that.
"""

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.machine import Machine
from edge_runtime.nameplate import normalisation
from edge_runtime.reading import Float64Array
from edge_runtime.window import ChannelWindow, Float32Array, Window

Share = Annotated[float, Field(ge=0, le=0.5)]


class Augmentation(BaseModel):
    """How strongly the copies that training sees are changed; zero leaves out a change.

    A sensor's scale is the rated value that makes its signal dimensionless.

    Attributes:
        noise: standard deviation of white noise, shares of the scale.
        gain: standard deviation of the factor by which a sensor reads too much or too little, around 1.
        offset: standard deviation of what a sensor reads too much, shares of the scale.
        jitter: standard deviation of how late a sample was taken, shares of the sensor's step.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    noise: Share = 0.0
    gain: Share = 0.0
    offset: Share = 0.0
    jitter: Share = 0.0


NO_AUGMENTATION = Augmentation()


def augmented(window: Window, machine: Machine, settings: Augmentation, random: np.random.Generator) -> Window:
    """The window with every sensor changed in its own way; gaps stay gaps, and what is silent stays silent.

    One state of `random` gives one result: each sensor takes the same number of draws whatever the settings.
    """
    channels = tuple(
        _augmented(channel, sensor_scale(machine, number), settings, random)
        for number, channel in enumerate(window.channels)
    )
    return replace(window, channels=channels)


def _augmented(
    channel: ChannelWindow, scale: float, settings: Augmentation, random: np.random.Generator
) -> ChannelWindow:
    gain, offset = random.standard_normal(2)
    late, noise = random.standard_normal((2, len(channel.values)))
    values = _late(channel.values, settings.jitter * late) * (1 + settings.gain * gain)
    values = values + scale * (settings.offset * offset + settings.noise * noise)
    return replace(channel, values=values.astype(np.float32))


def _late(values: Float32Array, shift: Float64Array) -> Float64Array:
    """Samples as they were `shift` steps later, on the lines between neighbours; beside a gap a sample stays itself."""
    if not len(values):
        return values.astype(np.float64)
    steps = np.arange(len(values))
    at = np.clip(steps + shift, 0, len(values) - 1)
    low = np.floor(at).astype(np.int64)
    high = np.minimum(low + 1, len(values) - 1)
    moved = values[low] + (at - low) * (values[high] - values[low])
    samples: Float64Array = np.where(np.isfinite(moved) & np.isfinite(values), moved, values)
    return samples


def sensor_scale(machine: Machine, sensor: int) -> float:
    """The rated value that makes a sensor's signal dimensionless, in its unit."""
    own = machine.sensors[sensor]
    component = machine.components[machine.component_index[own.component]]
    _, scale = normalisation(machine, component, own.quantity)
    return scale
