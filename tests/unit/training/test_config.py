from pathlib import Path

import pytest

from edge_runtime.errors import ConfigurationError
from edge_runtime.yaml_file import load_yaml
from gnn.model import ModelConfig
from training.config import Ablation, TrainingConfig


def test_an_ablated_file_differs_in_what_the_ablation_names():
    config = TrainingConfig(
        model=ModelConfig(width=8, heads=2), ablations={"no-graph": Ablation(model={"edge_layers": 0})}
    )
    assert config.ablated("no-graph").model == ModelConfig(width=8, heads=2, edge_layers=0)
    assert config.ablated("no-graph").fit == config.fit


def test_an_ablation_that_is_not_there_is_refused_with_those_that_are():
    config = TrainingConfig(ablations={"lstm": Ablation(model={"encoder": "lstm"})})
    with pytest.raises(ConfigurationError, match="no ablation 'gru'; the training file has: lstm"):
        config.ablated("gru")


@pytest.mark.parametrize(
    ("model", "line", "said"),
    [
        ("{encoder: gru}", 5, "ablations.odd.model.encoder: the network can't be so"),
        ("{layers: 2}", 5, "ablations.odd.model.layers: the network can't be so: Extra inputs are not permitted"),
        ("{heads: 3}", 5, "width 32 must be a multiple of heads 3"),
    ],
    ids=["value", "name", "combination"],
)
def test_a_network_that_cannot_be_is_found_when_the_file_is_read(tmp_path: Path, model: str, line: int, said: str):
    file = tmp_path / "training.yaml"
    file.write_text(f"name: a\nablations:\n  odd:\n    description: x\n    model: {model}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_yaml(file, TrainingConfig)
    assert f"training.yaml:{line}:" in str(caught.value)
    assert said in str(caught.value)


def test_a_sensor_head_without_faulty_sensors_to_learn_from_is_refused(tmp_path: Path):
    file = tmp_path / "training.yaml"
    file.write_text("name: a\nmodel:\n  sensor_head: true\n")
    with pytest.raises(ConfigurationError, match=r"training\.yaml:3: model\.sensor_head: .* set fit\.sensor_faults"):
        load_yaml(file, TrainingConfig)
    file.write_text("name: a\nmodel:\n  sensor_head: true\nfit: {sensor_faults: 0.1}\n")
    assert load_yaml(file, TrainingConfig).model.sensor_head
