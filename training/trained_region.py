"""Where a component's signals were in training, and how far a new group's may be from there."""

import numpy as np

from edge_runtime.evidence import sensors_of
from edge_runtime.graph import Int64Array
from edge_runtime.machine import Machine
from edge_runtime.novelty import ENTRIES, PARTS, Float64Array, TrainedRegion, fingerprints
from edge_runtime.vocabulary import Port
from training.calibrate import group_weights
from training.dataset import LabelledWindows
from training.folds import group_folds

INSIDE = 0.99
"""Share of the windows of held-out groups that lie inside."""

LEAST_MARGIN, MOST_MARGIN = 0.1, 1.0
"""The margin may be as wide as the range: a handful of groups that have little in common would ask for any width."""

LEAST_LIMIT = 0.5
"""Of the squared distance for each entry, which is 1 on the average over training where nothing goes together."""

SHRINKAGE = 1e-3
"""Towards the identity. With ten times as much two pressures a tenth of a bar apart can change places unnoticed."""

RESOLUTION = 2.0**-14
"""Of a sensor's valid range, what may be in a mean over some samples of a usual converter of 12 bits, and no more: a
signal that stood still in training may move by that."""

_FOLDS = 5


def fit_regions(windows: LabelledWindows, groups: Int64Array) -> dict[str, TrainedRegion]:
    """The trained region of each condition whose component has signals; none from a single group.

    Args:
        windows: of training.
        groups: int64 [windows]; margin and limit come from each fifth of them, held against the rest.
    """
    found = [fingerprints(item.window) for item in windows.items]
    regions = {}
    for condition in windows.machine.conditions:
        sensors = _own_sensors(windows.machine, condition.component)
        if not sensors:
            continue
        entries = np.stack([[row[sensor] for sensor in sensors] for row in found])
        whole = np.isfinite(entries).all((1, 2))
        if len(np.unique(groups[whole])) > 1:
            resolution = np.array([_resolution(windows.machine, sensor) for sensor in sensors])
            regions[condition.name] = _fit(sensors, entries[whole], groups[whole], resolution)
    return regions


def _fit(
    sensors: tuple[str, ...], entries: Float64Array, groups: Int64Array, resolution: Float64Array
) -> TrainedRegion:
    """Region of fingerprints [n, k, ENTRIES], its margin and limit by what each held-out fold needs."""
    excess, distance = np.empty(len(entries)), np.empty(len(entries))
    for fold in group_folds(groups, min(_FOLDS, len(np.unique(groups)))):
        rest = _region(sensors, entries[fold.training], resolution, margin=1.0, limit=1.0)
        excess[fold.test] = rest.range_excess(entries[fold.test]).max((1, 2))
        distance[fold.test] = rest.distance(entries[fold.test])
    weights = group_weights(groups)
    margin = min(max(LEAST_MARGIN, _quantile(excess, weights)), MOST_MARGIN)
    limit = max(LEAST_LIMIT, _quantile(distance, weights))
    return _region(sensors, entries, resolution, margin=margin, limit=limit)


def _region(
    sensors: tuple[str, ...], entries: Float64Array, resolution: Float64Array, *, margin: float, limit: float
) -> TrainedRegion:
    summary = np.stack([entries[..., :PARTS].mean(-1), entries[..., PARTS]], axis=-1)
    low, high = summary.min(0), summary.max(0)
    widened = np.maximum(resolution[:, None] - (high - low), 0.0) / 2
    flat = entries.reshape(len(entries), -1)
    centre = flat.mean(0)
    least = np.repeat(resolution, ENTRIES)
    scale = np.maximum(flat.std(0), least)
    z = (flat - centre) / scale
    covariance = (1 - SHRINKAGE) * z.T @ z / len(z) + np.diag(SHRINKAGE + (least / scale) ** 2)
    precision = np.linalg.inv(covariance)
    return TrainedRegion(sensors, low - widened, high + widened, centre, scale, precision, margin, limit)


def _quantile(values: Float64Array, weights: Float64Array) -> float:
    order = np.argsort(values)
    return float(values[order[np.searchsorted(np.cumsum(weights[order]), INSIDE - 1e-9)]])


def _own_sensors(machine: Machine, component: str) -> tuple[str, ...]:
    """Those whose signal the model sees at the component."""
    return tuple(
        sensor.name
        for sensor in sensors_of(machine, component)
        if any(place.component == component and place.port is not Port.COMPUTED for place in sensor.placements)
    )


def _resolution(machine: Machine, name: str) -> float:
    sensor = machine.sensor(name)
    return RESOLUTION * (sensor.valid_max - sensor.valid_min)
