"""What every inference engine does: a graph in, one row of logits a node out."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from edge_runtime.errors import BackendError
from edge_runtime.graph import Float32Array, GraphSample
from edge_runtime.vocabulary import FaultMode

LEVEL_LOGITS = 4
FAULT_LOGITS = len(FaultMode)
OUTPUTS = ("level_logits", "fault_logits")


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """Raw outputs for the N nodes of a graph sample.

    Attributes:
        level_logits: float32 [N, 4], continuation-ratio logits: column k is the logit of P(level > k | level >= k).
            A condition with m levels uses the first m − 1 columns.
        fault_logits: float32 [N, 9], one logit for each `FaultMode`, in its order.
    """

    level_logits: Float32Array
    fault_logits: Float32Array

    def check(self, nodes: int, source: str) -> None:
        """Make sure that there is one row a node and that every number is finite.

        Args:
            nodes: number of nodes of the sample that was run.
            source: what gave the output, for the message.

        Raises:
            BackendError: it isn't so.
        """
        for name, values, width in (
            ("level_logits", self.level_logits, LEVEL_LOGITS),
            ("fault_logits", self.fault_logits, FAULT_LOGITS),
        ):
            if values.shape != (nodes, width):
                raise BackendError(
                    f"{source}: output {name} has shape {values.shape}, ({nodes}, {width}) is needed",
                    hint="Build the bundle again with this version's hydrosight-train.",
                )
            if not np.isfinite(values).all():
                raise BackendError(
                    f"{source}: output {name} holds numbers that are not finite",
                    hint="Go back to the former model: hydrosight model roll-back.",
                )


class Backend(Protocol):
    """An inference engine with a model loaded.

    `name` says engine and device, such as `onnxruntime-cpu`; it is shown to people and in metrics.
    """

    @property
    def name(self) -> str:
        """Engine and device."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """Which fields of a `GraphSample` the model takes; optional ones that it doesn't needn't be filled."""
        ...

    def run(self, sample: GraphSample) -> ModelOutput:
        """Infer.

        Raises:
            BackendError: the engine failed, or what it gave is unusable.
        """
        ...
