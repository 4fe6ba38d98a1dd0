"""A model card says what the figures rest on."""

from dataclasses import replace

import pytest

from edge_runtime.machine import Machine
from edge_runtime.manifest import TrainingData
from gnn.model import ModelConfig
from training.model_card import CardFacts, model_card


@pytest.fixture
def facts(machine: Machine) -> CardFacts:
    return CardFacts(
        name="press",
        version="1.2.0",
        machine=machine,
        training=TrainingData(recording="press", sha256="0" * 64, windows=24, seed=7, description="A press."),
        config=ModelConfig(),
        healthy=9,
        unsaid=0,
        parameters=1234,
        epochs=5,
        network_weight={"pump": 0.5},
        calibration={},
        reports=(),
        command="hydrosight-train fit --seed 7",
    )


def test_it_says_what_was_taken_for_healthy(facts: CardFacts):
    card = model_card(facts)
    assert "what no label speaks against: 9 windows" in card
    assert "In each of them every condition is labelled as healthy." in card


def test_it_says_where_health_was_assumed(facts: CardFacts):
    card = model_card(replace(facts, unsaid=4))
    assert "In 4 of them not every condition is labelled" in card
    assert "every condition is labelled as healthy" not in card
