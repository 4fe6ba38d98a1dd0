from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from edge_runtime.graph import GraphSample
from edge_runtime.graph_builder import join_graphs
from gnn.model import GraphTensors, ModelConfig, UniversalTemporalGNN
from tests.models.graphs import random_graph

VARIANTS = {
    "default": ModelConfig(width=8),
    "lstm": ModelConfig(width=8, encoder="lstm"),
    "arma": ModelConfig(width=8, arma=True),
    "cross-task": ModelConfig(width=8, cross_task=True),
    "no graph": ModelConfig(width=8, edge_layers=0),
    "no edge in message": ModelConfig(width=8, edge_in_message=False),
    "no signed sum": ModelConfig(width=8, signed_sum=False),
    "sensor head": ModelConfig(width=8, sensor_head=True),
    "residuals": ModelConfig(width=8, residuals=True),
    "every input": ModelConfig(width=8, residuals=True, conditioning=True),
}


def model(config: ModelConfig = VARIANTS["default"]) -> UniversalTemporalGNN:
    torch.manual_seed(0)
    return UniversalTemporalGNN(config).eval()


def run(network: UniversalTemporalGNN, sample: GraphSample) -> np.ndarray:
    with torch.inference_mode():
        return torch.cat(network(*network.chosen(GraphTensors.of(sample))), 1).numpy()


def permuted(sample: GraphSample, order: np.ndarray) -> GraphSample:
    """The same graph with node order[i] in place i."""
    place = np.argsort(order)
    nodes = {
        name: getattr(sample, name)[order] for name in GraphSample.INPUTS if name not in {"edge_index", "edge_features"}
    }
    return GraphSample(edge_index=place[sample.edge_index], edge_features=sample.edge_features, **nodes)


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_answers_for_every_node(config: ModelConfig):
    assert run(model(config), random_graph(5, 6)).shape == (5, 13)


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_the_order_of_the_components_does_not_matter(config: ModelConfig):
    sample, order = random_graph(6, 8), np.array([3, 0, 5, 1, 4, 2])
    network = model(config)
    assert run(network, permuted(sample, order)) == pytest.approx(run(network, sample)[order], abs=1e-5)


def test_machines_that_are_joined_in_a_batch_do_not_see_each_other():
    one, other, network = random_graph(4, 5, seed=1), random_graph(7, 3, seed=2), model()
    joined = run(network, join_graphs([one, other]))
    assert joined == pytest.approx(np.concatenate([run(network, one), run(network, other)]), abs=1e-5)


@pytest.mark.parametrize(
    ("values", "mask"),
    [
        ("sequence", "sequence_mask"),
        ("features", "feature_mask"),
        ("machine_features", "machine_feature_mask"),
        ("residuals", "residual_mask"),
        ("deviation", "deviation_mask"),
    ],
)
def test_what_stands_where_the_mask_is_zero_has_no_influence(values: str, mask: str):
    sample, network = random_graph(5, 6), model(VARIANTS["every input"])
    garbage = np.where(getattr(sample, mask) > 0, getattr(sample, values), np.float32(1e6))
    assert np.array_equal(run(network, replace(sample, **{values: garbage})), run(network, sample))


@pytest.mark.parametrize(
    "values", ["sequence", "features", "machine_features", "edge_features", "component_type", "residuals", "deviation"]
)
def test_every_input_has_influence(values: str):
    sample, network = random_graph(5, 6), model(VARIANTS["every input"])
    changed = getattr(sample, values)[::-1].copy()
    assert not np.allclose(run(network, replace(sample, **{values: changed})), run(network, sample), atol=1e-6)


def test_a_missing_channel_is_not_the_same_as_one_that_reads_zero():
    sample, network = random_graph(3, 2, measured=1.0), model()
    zero = sample.sequence.copy()
    zero[0, 0] = 0
    gone = sample.sequence_mask.copy()
    gone[0, 0] = 0
    reads_zero = replace(sample, sequence=zero)
    assert not np.allclose(run(network, reads_zero), run(network, replace(reads_zero, sequence_mask=gone)), atol=1e-6)


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_every_weight_learns(config: ModelConfig):
    network = model(config).train()
    outputs = network.network(GraphTensors.of(random_graph(6, 8)))
    loss = outputs.level_logits.square().sum() + outputs.fault_logits.square().sum()
    if outputs.sensor_logits is not None:
        loss = loss + outputs.sensor_logits.square().sum()
    loss.backward()
    idle = [name for name, weight in network.named_parameters() if weight.grad is None or weight.grad.abs().sum() == 0]
    assert idle == []


def test_the_statistics_are_those_of_the_samples_given():
    samples = [random_graph(5, 4, seed=seed, measured=1.0) for seed in range(4)]
    network = model()
    network.fit_normalisation(samples)
    first = samples[0].component_type[0]
    rows = np.concatenate([sample.features[sample.component_type == first] for sample in samples])
    assert network.normalise_features.mean[first].numpy() == pytest.approx(rows.mean(0), abs=1e-5)


def test_a_residual_that_training_never_saw_has_no_influence():
    network = model(VARIANTS["residuals"])
    training = [random_graph(30, 4, seed=seed, measured=1.0) for seed in range(3)]
    for sample in training:
        sample.residual_mask[:, 3] = 0
    network.fit_normalisation(training)
    there = random_graph(5, 6, measured=1.0)
    gone = replace(there, residual_mask=there.residual_mask * (np.arange(there.residual_mask.shape[1]) != 3))
    assert np.array_equal(run(network, there), run(network, gone))


def test_a_model_declares_the_optional_inputs_that_it_uses_and_no_others():
    assert model().inputs == GraphSample.REQUIRED
    assert model(VARIANTS["residuals"]).inputs == (*GraphSample.REQUIRED, "residuals", "residual_mask")
    assert model(VARIANTS["every input"]).inputs == GraphSample.INPUTS


def test_the_default_network_stays_small():
    weights = sum(weight.numel() for weight in UniversalTemporalGNN().parameters())
    assert 40_000 < weights < 100_000


def test_a_width_that_the_heads_do_not_divide_is_refused():
    with pytest.raises(ValidationError, match="width 10 must be a multiple of heads 4"):
        ModelConfig(width=10)
