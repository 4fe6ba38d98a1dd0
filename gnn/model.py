"""`UniversalTemporalGNN`: one model for any hydraulic circuit, from a window's graph to a diagnosis per component.

    sequences ┬ programme ─ discriminants ───────────────────────────────────────────────────────────┐
              └ normalise ─ causal encoder ─ (ARMA) ─ readout ┐                                      │
    features ── normalise ─ linear ───────────────────────────┼─ Σ ─ edge attention × L ─ heads ─ fusion ─ on nodes
    residuals ── (optional) ──────────────────────────────────┤
    deviation from healthy ── (optional) ─────────────────────┤
    component type ─ embedding ───────────────────────────────┘

The network and the discriminant each answer by themselves; how much the network's word counts beside the
discriminant's is found for each component type on groups that neither has seen. Nodes are components, edges are pipes;
nothing depends on how many there are or in which order they come.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from edge_runtime.baseline.deviation import DEVIATIONS
from edge_runtime.features.physics.registry import PHYSICS
from edge_runtime.graph import Float32Array, GraphSample, Int64Array
from gnn.arma import ArmaAttention
from gnn.discriminant import CycleDiscriminant
from gnn.edge_attention import EdgeAttention, both_directions
from gnn.encoder import RecurrentEncoder, TemporalConvolution, TemporalReadout
from gnn.heads import SensorFaultHead, TaskHeads
from gnn.normalisation import CHANNELS, TYPES, InputNormalisation
from gnn.optional_input import OptionalInput

TOKENS = 64
FEATURES = 34
MACHINE_FEATURES = 4
RESIDUALS = len(PHYSICS)

_ABSENT = torch.empty(0)


class ModelConfig(BaseModel):
    """Everything that shapes the network. What has not been measured to pay is off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: Annotated[int, Field(ge=4, le=512)] = 32
    encoder: Literal["tcn", "lstm"] = "tcn"
    encoder_layers: Annotated[int, Field(ge=1, le=6)] = 5
    kernel: Annotated[int, Field(ge=2, le=9)] = 3
    arma: bool = False
    edge_layers: Annotated[int, Field(ge=0, le=8)] = 3
    heads: Annotated[int, Field(ge=1, le=16)] = 4
    edge_in_message: bool = True
    signed_sum: bool = True
    cross_task: bool = False
    sensor_head: bool = False
    discriminant: bool = True
    residuals: bool = False
    conditioning: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "ModelConfig":
        if self.width % self.heads:
            msg = f"width {self.width} must be a multiple of heads {self.heads}"
            raise ValueError(msg)
        return self


class GraphTensors(NamedTuple):
    """A `GraphSample` as tensors, in the order of `GraphSample.INPUTS` and of the same shapes.

    An optional input that a model doesn't use may be empty.
    """

    sequence: Tensor
    sequence_mask: Tensor
    features: Tensor
    feature_mask: Tensor
    machine_features: Tensor
    machine_feature_mask: Tensor
    component_type: Tensor
    edge_index: Tensor
    edge_features: Tensor
    residuals: Tensor = _ABSENT
    residual_mask: Tensor = _ABSENT
    deviation: Tensor = _ABSENT
    deviation_mask: Tensor = _ABSENT

    @classmethod
    def of(cls, sample: GraphSample) -> Self:
        """The sample's arrays as tensors that share their memory."""
        return cls(*(torch.from_numpy(getattr(sample, name)) for name in GraphSample.INPUTS))


@dataclass(frozen=True, slots=True)
class NetworkOutputs:
    """What the network alone says of each node.

    Attributes:
        level_logits: [N, 4], continuation ratios.
        fault_logits: [N, 9].
        innovation: [N, T − 1, H], what the ARMA block's predictions missed; None without that block.
        sensor_logits: [N, 13], that what a channel reads is the sensor's fault; None without that head. It is not
            exported: on a box `edge_runtime.sensor_check` judges sensors, with or without a model.
    """

    level_logits: Tensor
    fault_logits: Tensor
    innovation: Tensor | None
    sensor_logits: Tensor | None


@dataclass(frozen=True, slots=True)
class NodeOutputs:
    """What the model says of each node.

    Attributes:
        level_logits: [N, 4], continuation ratios.
        fault_logits: [N, 9].
        network: level and fault logits of the network alone.
        discriminant: those of the discriminant alone; zero where it is silent.
    """

    level_logits: Tensor
    fault_logits: Tensor
    network: tuple[Tensor, Tensor]
    discriminant: tuple[Tensor, Tensor]


class UniversalTemporalGNN(nn.Module):
    """The model; its inputs are `inputs`, in that order.

    Attributes:
        network_weight: [component types], what the network's logits are multiplied by where the discriminant speaks.
    """

    network_weight: Tensor

    def __init__(self, config: ModelConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ModelConfig()
        width = config.width
        self.normalise_sequence = InputNormalisation(TYPES, CHANNELS, TOKENS)
        self.normalise_features = InputNormalisation(TYPES, CHANNELS * FEATURES)
        self.normalise_machine = InputNormalisation(1, MACHINE_FEATURES)
        self.type_embedding = nn.Embedding(TYPES, width)
        self.encoder: nn.Module
        if config.encoder == "tcn":
            self.encoder = TemporalConvolution(
                2 * CHANNELS, width, config.encoder_layers, config.kernel, config.dropout
            )
        else:
            self.encoder = RecurrentEncoder(2 * CHANNELS, width)
        self.arma = ArmaAttention(width, config.heads, TOKENS, config.dropout) if config.arma else None
        self.readout = TemporalReadout(TOKENS, width)
        self.feature_map = nn.Linear(CHANNELS * FEATURES + CHANNELS, width)
        self.machine_map = nn.Linear(2 * MACHINE_FEATURES, width)
        self.residuals = OptionalInput(RESIDUALS, width, config.dropout) if config.residuals else None
        self.deviation = OptionalInput(DEVIATIONS, width, config.dropout) if config.conditioning else None
        self.drop = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(
            EdgeAttention(
                width,
                config.heads,
                config.dropout,
                edge_in_message=config.edge_in_message,
                signed_sum=config.signed_sum,
            )
            for _ in range(config.edge_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.task_heads = TaskHeads(width, config.dropout, cross_task=config.cross_task)
        self.sensor_head = SensorFaultHead(width, CHANNELS) if config.sensor_head else None
        self.discriminant = CycleDiscriminant(TOKENS) if config.discriminant else None
        self.register_buffer("network_weight", torch.ones(TYPES))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs that this model uses, in the order of `GraphSample.INPUTS`."""
        residuals = ("residuals", "residual_mask") if self.config.residuals else ()
        deviation = ("deviation", "deviation_mask") if self.config.conditioning else ()
        return (*GraphSample.REQUIRED, *residuals, *deviation)

    def chosen(self, graph: GraphTensors) -> tuple[Tensor, ...]:
        """Those of a graph's tensors that `forward` takes."""
        return tuple(getattr(graph, name) for name in self.inputs)

    def fit_normalisation(self, samples: Sequence[GraphSample]) -> None:
        """Take the input statistics from these samples; give it the training fold and nothing else."""
        types = np.concatenate([sample.component_type for sample in samples])

        def joined(name: str) -> Float32Array:
            return np.concatenate([getattr(sample, name) for sample in samples])

        self.normalise_sequence.fit(joined("sequence"), joined("sequence_mask"), types)
        self.normalise_features.fit(joined("features"), joined("feature_mask"), types)
        machine = np.zeros_like(types)
        self.normalise_machine.fit(joined("machine_features"), joined("machine_feature_mask"), machine)
        if self.residuals is not None:
            self.residuals.fit(joined("residuals"), joined("residual_mask"), types)
        if self.deviation is not None:
            self.deviation.fit(joined("deviation"), joined("deviation_mask"), types)

    def fit_discriminant(
        self, samples: Sequence[GraphSample], levels: Sequence[Int64Array], faults: Sequence[Float32Array]
    ) -> None:
        """Find the discriminants from labelled samples of the training fold.

        The conditions that a node's cycle was recorded under are the levels of the sample's other nodes.

        Args:
            samples: of the training fold and nothing else.
            levels: int64 [N] of each sample, −1 where unlabelled.
            faults: float32 [N, 9] of each sample, NaN where unknown.
        """
        if self.discriminant is not None:
            width = max(len(own) for own in levels)
            self.discriminant.fit(
                np.concatenate([sample.sequence for sample in samples]),
                np.concatenate([sample.sequence_mask for sample in samples]),
                np.concatenate([sample.component_type for sample in samples]),
                np.concatenate(levels),
                np.concatenate(faults),
                np.concatenate([_others(own, width) for own in levels]),
            )

    def network(self, graph: GraphTensors) -> NetworkOutputs:
        """What the network alone says of a graph; it is trained on that."""
        return self._network(graph, self._cycle(graph))

    def run(self, graph: GraphTensors) -> NodeOutputs:
        """Everything the model has to say of a graph."""
        cycle = self._cycle(graph)
        network = self._network(graph, cycle)
        level, fault = torch.zeros_like(network.level_logits), torch.zeros_like(network.fault_logits)
        weight = torch.ones_like(level[:, :1])
        if self.discriminant is not None:
            level, fault, speaks = self.discriminant(graph.sequence, graph.sequence_mask, graph.component_type)
            own = self.network_weight.index_select(0, graph.component_type).unsqueeze(1)
            weight = speaks * own + (1 - speaks)
        return NodeOutputs(
            level + weight * network.level_logits,
            fault + weight * network.fault_logits,
            (network.level_logits, network.fault_logits),
            (level, fault),
        )

    def _cycle(self, graph: GraphTensors) -> Tensor:
        cycle: Tensor = self.normalise_sequence(graph.sequence, graph.sequence_mask, graph.component_type)
        return cycle

    def _network(self, graph: GraphTensors, cycle: Tensor) -> NetworkOutputs:
        kind = self.type_embedding(graph.component_type)
        states = self.encoder(torch.cat([cycle, graph.sequence_mask], 1).transpose(1, 2), kind)
        innovation: Tensor | None = None
        if self.arma is not None:
            states, innovation = self.arma(states)

        measured = graph.feature_mask.view(-1, CHANNELS, FEATURES).amax(-1)
        statistics = self.normalise_features(graph.features, graph.feature_mask, graph.component_type)
        ratios = self.normalise_machine(
            graph.machine_features, graph.machine_feature_mask, torch.zeros_like(graph.component_type)
        )
        h = (
            kind
            + self.readout(states)
            + self.feature_map(self.drop(torch.cat([statistics, measured], -1)))
            + self.machine_map(torch.cat([ratios, graph.machine_feature_mask], -1))
        )
        if self.residuals is not None:
            h = h + self.residuals(graph.residuals, graph.residual_mask, graph.component_type)
        if self.deviation is not None:
            h = h + self.deviation(graph.deviation, graph.deviation_mask, graph.component_type)
        pipes, pipe_features = both_directions(graph.edge_index, graph.edge_features)
        for layer in self.layers:
            h = layer(h, pipes, pipe_features)
        state = self.norm(h)
        level_logits, fault_logits = self.task_heads(state)
        sensor_logits = self.sensor_head(state) if self.sensor_head is not None else None
        return NetworkOutputs(level_logits, fault_logits, innovation, sensor_logits)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The two outputs that are exported: level logits [N, 4] and fault logits [N, 9].

        Args:
            inputs: those named by `inputs`, in that order.
        """
        outputs = self.run(GraphTensors(**dict(zip(self.inputs, inputs, strict=True))))
        return outputs.level_logits, outputs.fault_logits


def _others(level: Int64Array, width: int) -> Int64Array:
    """The levels of a sample's other nodes, a row a node: int64 [N, width]; −1 for its own and beyond the last."""
    table = np.full((len(level), width), -1, np.int64)
    table[:, : len(level)] = np.where(np.eye(len(level), dtype=np.bool_), -1, level)
    return table
