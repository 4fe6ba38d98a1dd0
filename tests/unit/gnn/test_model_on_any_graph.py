"""What holds of the model on every machine: any number of components and pipes, any sensors, any of its options."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.graph import GraphSample
from edge_runtime.graph_builder import join_graphs
from gnn.model import ModelConfig, UniversalTemporalGNN
from tests.models.graphs import random_graph
from tests.unit.gnn.test_model import VARIANTS, model, permuted, run

EVERYTHING = ModelConfig(width=8, arma=True, cross_task=True, residuals=True, conditioning=True, sensor_head=True)
MASKED = {
    "sequence": "sequence_mask",
    "features": "feature_mask",
    "machine_features": "machine_feature_mask",
    "residuals": "residual_mask",
    "deviation": "deviation_mask",
}


@st.composite
def machines(draw: st.DrawFn) -> GraphSample:
    """Up to nine components, fewer or more pipes than that, loops and doubles among them, and any share of sensors."""
    measured = draw(st.sampled_from([0.0, 0.3, 1.0]))
    return random_graph(
        draw(st.integers(1, 9)), draw(st.integers(0, 14)), draw(st.integers(0, 10_000)), measured=measured
    )


@pytest.fixture(scope="module")
def network() -> UniversalTemporalGNN:
    return model(EVERYTHING)


@given(sample=machines(), seed=st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_the_order_of_components_and_pipes_does_not_matter(network, sample: GraphSample, seed: int):
    random = np.random.default_rng(seed)
    order, pipes = random.permutation(sample.nodes), random.permutation(sample.edge_index.shape[1])
    shuffled = replace(sample, edge_index=sample.edge_index[:, pipes], edge_features=sample.edge_features[pipes])
    assert run(network, permuted(shuffled, order)) == pytest.approx(run(network, sample)[order], abs=1e-4)


@given(several=st.lists(machines(), min_size=2, max_size=4))
@settings(max_examples=25, deadline=None)
def test_machines_in_a_batch_do_not_see_each_other(network, several: list[GraphSample]):
    alone = np.concatenate([run(network, sample) for sample in several])
    assert run(network, join_graphs(several)) == pytest.approx(alone, abs=1e-4)


@given(sample=machines(), garbage=st.sampled_from([1e6, -1.0, 3.0]))
@settings(max_examples=25, deadline=None)
def test_nothing_that_is_masked_has_any_influence(network, sample: GraphSample, garbage: float):
    filled = {
        values: np.where(getattr(sample, mask) > 0, getattr(sample, values), np.float32(garbage))
        for values, mask in MASKED.items()
    }
    assert np.array_equal(run(network, replace(sample, **filled)), run(network, sample))


@given(sample=machines())
@settings(max_examples=25, deadline=None)
def test_an_answer_is_finite_however_little_is_measured(network, sample: GraphSample):
    assert np.isfinite(run(network, sample)).all()


@pytest.mark.parametrize("config", VARIANTS.values(), ids=VARIANTS)
def test_a_component_hears_of_others_by_as_many_pipes_as_there_are_layers_and_not_from_further(config: ModelConfig):
    """A chain of six components: what changes at one end arrives no further than the layers reach."""
    chain = np.array([[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]])
    sample = replace(random_graph(6, 5, seed=3, measured=1.0), edge_index=chain)
    changed = sample.sequence.copy()
    changed[0] += 1
    network = model(config)
    moved = np.abs(run(network, replace(sample, sequence=changed)) - run(network, sample)).max(1)
    reach = config.edge_layers
    assert (moved[: reach + 1] > 0).all()
    assert (moved[reach + 1 :] < 1e-6).all()


def test_what_happens_later_in_a_window_does_not_change_what_the_encoder_said_before():
    for config in (EVERYTHING, EVERYTHING.model_copy(update={"encoder": "lstm"})):
        network, kind = model(config), torch.zeros(2, 8)
        tokens = torch.randn(2, 64, network.encoder.stem.in_features)
        changed = tokens.clone()
        changed[:, 40:] += 1
        before, after = (network.arma(network.encoder(item, kind))[0] for item in (tokens, changed))
        assert torch.allclose(before[:, :40], after[:, :40], atol=1e-6)
        assert not torch.allclose(before[:, 40:], after[:, 40:])
