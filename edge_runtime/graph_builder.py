"""Build the model's input from a window, and join several into one disjoint graph.

Every signal is first brought to `SAMPLES` means a window, whatever rate it came at, and both feature sets are made from
these: a model trained on one-second means gives the same answer on the 100 Hz signal that they are means of. Signals
are then divided by the nameplate, so that it serves machines of any size as well.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np
import numpy.typing as npt

from edge_runtime.baseline.deviation import Comparison, deviation_input
from edge_runtime.features.classic import CLASSIC, CLASSIC_SCALING, Scaling, classic_features
from edge_runtime.features.hydraulic import hydraulic_features
from edge_runtime.features.physics.registry import PHYSICS
from edge_runtime.features.physics.residuals import physics_residuals
from edge_runtime.features.sequence import TOKENS, window_means
from edge_runtime.graph import EDGE_FEATURES, Float32Array, GraphSample, Int64Array
from edge_runtime.machine import MACHINES_KEPT, Connection, Machine
from edge_runtime.nameplate import normalisation
from edge_runtime.resampling import SAMPLES
from edge_runtime.vocabulary import CANONICAL_CHANNELS, ComponentType, Material, Port
from edge_runtime.window import Window

_MATERIALS = (
    frozenset({Material.STEEL}),
    frozenset({Material.RUBBER}),
    frozenset({Material.COMPOSITE, Material.THERMOPLASTIC}),
)
_COMPONENT_TYPES = tuple(ComponentType)
_IS_LEVEL = np.array([scaling is Scaling.LEVEL for scaling in CLASSIC_SCALING])
_IS_SCALED = np.array([scaling is not Scaling.NONE for scaling in CLASSIC_SCALING])
_MEAN = CLASSIC.names.index("mean")

Float64Array = npt.NDArray[np.float64]


def build_graph(
    machine: Machine,
    window: Window,
    beside: Comparison | None = None,
    inputs: Collection[str] = GraphSample.INPUTS,
) -> GraphSample:
    """The model's input for one window; node i is component i, edge j is connection j.

    Args:
        machine: whose window it is.
        window: of any rate.
        beside: the same window beside the machine's healthy baseline, where there is one.
        inputs: what the model takes (`Backend.inputs`); residuals that it doesn't are left masked, for they cost half
            as much as all the rest.
    """
    (graph,) = build_graphs(machine, [window], [beside], inputs)
    return graph


def build_graphs(
    machine: Machine,
    windows: Sequence[Window],
    beside: Sequence[Comparison | None],
    inputs: Collection[str] = GraphSample.INPUTS,
) -> tuple[GraphSample, ...]:
    """The same for several windows, those of the same length at once: that is faster than one after the other."""
    pairs = zip(windows, beside, strict=True)
    return tuple(
        graph
        for _, alike in groupby(pairs, key=lambda pair: pair[0].length_us)
        for graph in _graphs_of_one_length(machine, inputs, *zip(*alike, strict=True))
    )


def _graphs_of_one_length(
    machine: Machine, inputs: Collection[str], windows: Sequence[Window], beside: Sequence[Comparison | None]
) -> Iterator[GraphSample]:
    layout = _layout_of(machine)
    places = layout.places
    count, length_us = len(windows), windows[0].length_us
    step_us = length_us / SAMPLES
    signals = np.stack([window.resampled for window in windows])
    flat = signals.reshape(-1, SAMPLES)
    raw_tokens = window_means(flat, step_us, length_us, TOKENS).reshape(count, -1, TOKENS)
    raw_features, raw_mask = (part.reshape(count, -1, len(CLASSIC)) for part in classic_features(flat, step_us / 1e6))
    means = np.where(raw_mask[..., _MEAN] > 0, raw_features[..., _MEAN], np.nan).astype(np.float64)

    nodes, channels = len(machine.components), len(CANONICAL_CHANNELS)
    sequence = np.full((count, nodes, channels, TOKENS), np.nan)
    sequence[:, places.node, places.channel] = (raw_tokens[:, places.signal] - places.offset) / places.scale
    features = np.zeros((count, nodes, channels, len(CLASSIC)))
    features[:, places.node, places.channel] = (raw_features[:, places.signal] - places.offset * _IS_LEVEL) / np.where(
        _IS_SCALED, places.scale, 1.0
    )
    feature_mask = np.zeros((count, nodes, channels, len(CLASSIC)), np.float32)
    feature_mask[:, places.node, places.channel] = raw_mask[:, places.signal]

    present = np.isfinite(sequence)
    known_sequence, sequence_mask = np.where(present, sequence, 0.0).astype(np.float32), present.astype(np.float32)
    known_features = (features * feature_mask).astype(np.float32)
    if "residuals" in inputs:
        residuals, residual_mask = physics_residuals(machine, windows, signals)
    else:
        residuals = residual_mask = np.zeros((count, nodes, len(PHYSICS)), np.float32)
    for number, comparison in enumerate(beside):
        hydraulic, hydraulic_mask = _machine_features(layout, means[number])
        deviation, deviation_mask = deviation_input(machine, comparison)
        yield GraphSample(
            sequence=known_sequence[number],
            sequence_mask=sequence_mask[number],
            features=known_features[number].reshape(nodes, -1),
            feature_mask=feature_mask[number].reshape(nodes, -1),
            machine_features=np.tile(hydraulic, (nodes, 1)),
            machine_feature_mask=np.tile(hydraulic_mask, (nodes, 1)),
            component_type=layout.component_type,
            edge_index=layout.edge_index,
            edge_features=layout.edge_features,
            residuals=residuals[number],
            residual_mask=residual_mask[number],
            deviation=deviation,
            deviation_mask=deviation_mask,
        )


def join_graphs(samples: Sequence[GraphSample]) -> GraphSample:
    """One disjoint graph of all of them, nodes and edges in order.

    Raises:
        ValueError: there are none.
    """
    if not samples:
        raise ValueError("no graphs to join")
    if len(samples) == 1:
        return samples[0]
    first_node = np.cumsum([0, *(sample.nodes for sample in samples[:-1])])
    joined = {
        name: np.concatenate([getattr(sample, name) for sample in samples])
        for name in GraphSample.INPUTS
        if name != "edge_index"
    }
    edge_index = [sample.edge_index + shift for sample, shift in zip(samples, first_node, strict=True)]
    return GraphSample(edge_index=np.concatenate(edge_index, axis=1), **joined)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where signals go, an entry a placement: signal number → node and channel, and (value − offset)/scale there."""

    signal: Int64Array
    node: Int64Array
    channel: Int64Array
    offset: Float64Array
    scale: Float64Array


@dataclass(frozen=True, slots=True)
class _Layout:
    """What is the same in the graphs of all of a machine's windows; numbers are the sensors'."""

    places: _Places
    component_type: Int64Array
    edge_index: Int64Array
    edge_features: Float32Array
    pressures: Int64Array
    temperatures: Int64Array
    flows: Int64Array


@lru_cache(maxsize=MACHINES_KEPT)
def _layout_of(machine: Machine) -> _Layout:
    def signals(*ports: Port) -> Int64Array:
        return np.array([number for number, sensor in enumerate(machine.sensors) if sensor.port in ports], np.int64)

    return _Layout(
        places=_places(machine),
        component_type=np.array([_COMPONENT_TYPES.index(component.type) for component in machine.components], np.int64),
        edge_index=_edge_index(machine),
        edge_features=_edge_features(machine.connections),
        pressures=signals(Port.PRESSURE_IN, Port.PRESSURE_OUT),
        temperatures=signals(Port.TEMPERATURE_IN, Port.TEMPERATURE_OUT),
        flows=signals(Port.FLOW_IN, Port.FLOW_OUT),
    )


def _places(machine: Machine) -> _Places:
    rows = [
        (
            number,
            machine.component_index[place.component],
            CANONICAL_CHANNELS.index(place.port),
            *normalisation(machine, machine.components[machine.component_index[place.component]], sensor.quantity),
        )
        for number, sensor in enumerate(machine.sensors)
        for place in sensor.placements
        if place.port is not Port.COMPUTED
    ]
    columns = np.array(rows, np.float64).reshape(-1, 5)
    signal, node, channel = columns[:, :3].astype(np.int64).T
    return _Places(signal, node, channel, columns[:, 3:4], columns[:, 4:5])


def _machine_features(layout: _Layout, means: Float64Array) -> tuple[Float32Array, Float32Array]:
    places = layout.places
    at_node = np.full((len(layout.component_type), len(CANONICAL_CHANNELS)), np.nan)
    at_node[places.node, places.channel] = means[places.signal]
    # A sensor's first placement is its own; its nameplate is the one that counts.
    own, first = np.unique(places.signal, return_index=True)
    share = np.full(len(means), np.nan)
    share[own] = means[own] / places.scale[first, 0]
    pair = [CANONICAL_CHANNELS.index(Port.PRESSURE_IN), CANONICAL_CHANNELS.index(Port.PRESSURE_OUT)]
    return hydraulic_features(
        pressures_bar=means[layout.pressures],
        temperatures_c=means[layout.temperatures],
        flow_share=share[layout.flows],
        pressure_share=share[layout.pressures],
        pressure_pairs_bar=at_node[:, pair],
    )


def _edge_index(machine: Machine) -> Int64Array:
    ends = [[machine.component_index[name] for name in (pipe.source, pipe.target)] for pipe in machine.connections]
    return np.array(ends, np.int64).reshape(-1, 2).T.copy()


def _edge_features(connections: Sequence[Connection]) -> Float32Array:
    rows = [
        [
            pipe.diameter_mm / 50,
            pipe.length_m / 10,
            (pipe.diameter_mm / 50) ** 2,
            pipe.loss_coefficient,
            pipe.pressure_rating_bar / 400,
            *(float(pipe.material in materials) for materials in _MATERIALS),
        ]
        for pipe in connections
    ]
    return np.array(rows, np.float32).reshape(-1, EDGE_FEATURES)
