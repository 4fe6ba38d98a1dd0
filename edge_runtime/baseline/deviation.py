"""How far a window is from this machine's healthy baseline, in spreads: evidence for people, input for models."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.baseline.document import MIN_WINDOWS, MachineBaseline, RegimeBaseline
from edge_runtime.baseline.operation import OperatingAxes
from edge_runtime.baseline.profile import STATISTICS, WindowProfile, mean_of_known
from edge_runtime.features.spec import FeatureSpec
from edge_runtime.machine import Machine
from edge_runtime.vocabulary import CANONICAL_CHANNELS, Port

CLIP = 50.0
"""Largest deviation, in spreads. What is further out says no more than that it is."""

# A spread counts as at least this share of the sensor's range, about what an industrial transmitter repeats to.
# Otherwise a signal that stood still while it was learned would make any noise look like proof.
LEAST_SPREAD_SHARE = 0.001

DEVIATION = FeatureSpec("deviation-21", 1, ("mean", *(f"part_{k}" for k in range(1, STATISTICS))))
DEVIATIONS = len(CANONICAL_CHANNELS) * len(DEVIATION)
"""Width D of the model's input: `DEVIATION` of each canonical channel."""

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A window beside the baseline of its regime.

    Attributes:
        regime: what it is compared with; None when the machine was never seen healthy while it did this.
        words: the regime for a person.
        expected: float64 [S, STATISTICS], NaN where there is no baseline.
        spread: float64 [S, STATISTICS], likewise; the parts of a sensor share one, the root mean square of theirs.
        deviation: float64 [S, STATISTICS], (seen − expected)/spread, clipped; NaN also where nothing was seen.
    """

    regime: RegimeBaseline | None
    words: str | None
    expected: Float64Array
    spread: Float64Array
    deviation: Float64Array


def compare(machine: Machine, baseline: MachineBaseline, profile: WindowProfile) -> Comparison:
    """Put a window beside the baseline. The deviation of the mean is over those parts that were measured."""
    axes = OperatingAxes.of(machine)
    regime = baseline.at(axes, axes.point(profile.means))
    if regime is None:
        nothing = np.full(profile.values.shape, np.nan)
        return Comparison(None, None, nothing, nothing, nothing)
    moments = regime.moments(machine)
    known = (moments.count >= MIN_WINDOWS)[:, None]
    ranges = np.array([[sensor.valid_max - sensor.valid_min] for sensor in machine.sensors])
    own, parts = moments.spread[:, :1], moments.spread[:, 1:]
    together = np.sqrt(np.square(parts).mean(axis=1, keepdims=True))
    spread = np.hstack([own, np.broadcast_to(together, parts.shape)])
    spread = np.where(known, np.maximum(spread, LEAST_SPREAD_SHARE * ranges), np.nan)
    expected = np.where(known, moments.centre, np.nan)
    difference = profile.values - expected
    difference[:, 0] = mean_of_known(difference[:, 1:])
    return Comparison(regime, axes.words(regime.regime), expected, spread, np.clip(difference / spread, -CLIP, CLIP))


def deviation_input(machine: Machine, comparison: Comparison | None) -> tuple[Float32Array, Float32Array]:
    """Deviations of the sensors as the model's input: at every place of each sensor.

    Args:
        machine: whose components are the nodes.
        comparison: of the window; None without a baseline.

    Returns:
        Values and mask, float32 [N, DEVIATIONS] each; 0 where masked.
    """
    nodes = np.full((len(machine.components), len(CANONICAL_CHANNELS), STATISTICS), np.nan)
    if comparison:
        for row, sensor in zip(comparison.deviation, machine.sensors, strict=True):
            for place in sensor.placements:
                if place.port is not Port.COMPUTED:
                    nodes[machine.component_index[place.component], CANONICAL_CHANNELS.index(place.port)] = row
    flat = nodes.reshape(len(nodes), DEVIATIONS)
    known = np.isfinite(flat)
    return np.where(known, flat, 0.0).astype(np.float32), known.astype(np.float32)
