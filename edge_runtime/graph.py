"""A window as a graph: components are nodes, pipes are edges, missing is a mask and never a zero."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
Int64Array = npt.NDArray[np.int64]

EDGE_FEATURES = 8


@dataclass(frozen=True, slots=True)
class GraphSample:
    """The model's input for one window, or for several joined as one disjoint graph.

    Masks are 1 where the value was measured and 0 where it is missing (the value there is 0 and means nothing).

    Attributes:
        sequence: float32 [N, 13, 64], canonical channels × tokens, dimensionless.
        sequence_mask: float32 [N, 13, 64].
        features: float32 [N, 13 · 34], `classic-34` of each canonical channel.
        feature_mask: float32 [N, 13 · 34].
        machine_features: float32 [N, 4], the machine's hydraulic ratios, the same on every node of a machine.
        machine_feature_mask: float32 [N, 4].
        component_type: int64 [N], position in `ComponentType`.
        edge_index: int64 [2, E], source and target node in the direction of flow.
        edge_features: float32 [E, 8]: diameter/50 mm, length/10 m, area (of 50 mm bore), loss coefficient,
            rating/400 bar, one-hot steel, rubber, composite.
        residuals: float32 [N, R], `physics-1`, dimensionless; an optional input, which a model need not have.
        residual_mask: float32 [N, R].
        deviation: float32 [N, D], how far each channel is from this machine's healthy baseline, in spreads
            (`deviation-21` of each canonical channel); optional likewise.
        deviation_mask: float32 [N, D].
    """

    sequence: Float32Array
    sequence_mask: Float32Array
    features: Float32Array
    feature_mask: Float32Array
    machine_features: Float32Array
    machine_feature_mask: Float32Array
    component_type: Int64Array
    edge_index: Int64Array
    edge_features: Float32Array
    residuals: Float32Array
    residual_mask: Float32Array
    deviation: Float32Array
    deviation_mask: Float32Array

    REQUIRED: ClassVar[tuple[str, ...]] = (
        "sequence",
        "sequence_mask",
        "features",
        "feature_mask",
        "machine_features",
        "machine_feature_mask",
        "component_type",
        "edge_index",
        "edge_features",
    )
    """Inputs that every model has."""
    OPTIONAL: ClassVar[tuple[str, ...]] = ("residuals", "residual_mask", "deviation", "deviation_mask")
    """Inputs that a model declares or goes without."""
    INPUTS: ClassVar[tuple[str, ...]] = (*REQUIRED, *OPTIONAL)

    @property
    def nodes(self) -> int:
        """Number of nodes N."""
        return len(self.component_type)
