"""Random graph samples of any size, for tests of what takes them."""

import numpy as np

from edge_runtime.baseline.profile import STATISTICS
from edge_runtime.features.physics.registry import PHYSICS
from edge_runtime.graph import EDGE_FEATURES, GraphSample
from edge_runtime.vocabulary import ComponentType

CHANNELS, TOKENS, FEATURES = 13, 64, 34


def random_graph(nodes: int, edges: int, seed: int = 0, *, measured: float = 0.7) -> GraphSample:
    """A sample with random topology and values, in which about a share `measured` of the channels is there."""
    random = np.random.default_rng(seed)
    there = (random.random((nodes, CHANNELS)) < measured).astype(np.float32)
    sequence_mask = np.repeat(there[:, :, None], TOKENS, axis=2)
    feature_mask = np.repeat(there, FEATURES, axis=1)
    machine_mask = np.tile((random.random(4) < measured).astype(np.float32), (nodes, 1))
    residual_mask = (random.random((nodes, len(PHYSICS))) < measured).astype(np.float32)
    deviation_mask = np.repeat(there, STATISTICS, axis=1)
    return GraphSample(
        sequence=random.normal(size=sequence_mask.shape).astype(np.float32) * sequence_mask,
        sequence_mask=sequence_mask,
        features=random.normal(size=feature_mask.shape).astype(np.float32) * feature_mask,
        feature_mask=feature_mask,
        machine_features=random.normal(size=machine_mask.shape).astype(np.float32) * machine_mask,
        machine_feature_mask=machine_mask,
        component_type=random.integers(0, len(ComponentType), nodes),
        edge_index=random.integers(0, nodes, (2, edges)),
        edge_features=random.random((edges, EDGE_FEATURES)).astype(np.float32),
        residuals=random.normal(size=residual_mask.shape).astype(np.float32) * residual_mask,
        residual_mask=residual_mask,
        deviation=random.normal(size=deviation_mask.shape).astype(np.float32) * deviation_mask,
        deviation_mask=deviation_mask,
    )
