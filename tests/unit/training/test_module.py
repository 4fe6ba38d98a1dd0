import pytest
import torch

from gnn.model import ModelConfig, UniversalTemporalGNN
from training.config import FitSettings
from training.cross_fit import TrainingWindows
from training.datamodule import Batch, Seen
from training.dataset import level_counts
from training.module import DiagnosisModule, _rate


def batch(data: TrainingWindows) -> Batch:
    items = [Seen(example.sample, example.targets, example.faulty) for example in data.examples[:4]]
    return Batch.join(items, level_counts(data.windows.machine))


def module(*, arma: bool = False, **settings: float) -> DiagnosisModule:
    torch.manual_seed(0)
    return DiagnosisModule(UniversalTemporalGNN(ModelConfig(width=8, arma=arma)).eval(), FitSettings(**settings))


def test_the_loss_is_the_weighted_sum_of_its_parts(data: TrainingWindows):
    level, half, whole = (module(fault_weight=weight).loss(batch(data)).item() for weight in (0.0, 0.5, 1.0))
    assert level > 0
    assert whole - level == pytest.approx(2 * (half - level), rel=1e-4)


def test_the_innovation_counts_when_the_arma_block_is_there(data: TrainingWindows):
    without, beside = (module(arma=True, innovation_weight=weight).loss(batch(data)).item() for weight in (0.0, 1.0))
    assert beside > without
    plain = [module(innovation_weight=weight).loss(batch(data)).item() for weight in (0.0, 1.0)]
    assert plain[0] == plain[1]


def test_a_sensor_that_is_at_fault_counts_when_that_head_is_there(data: TrainingWindows):
    torch.manual_seed(0)
    network = UniversalTemporalGNN(ModelConfig(width=8, sensor_head=True)).eval()
    sound = batch(data)
    broken = sound._replace(faulty=torch.ones_like(sound.faulty))
    without, beside = (DiagnosisModule(network, FitSettings(sensor_fault_weight=weight)) for weight in (0.0, 1.0))
    assert without.loss(sound) == without.loss(broken)
    assert beside.loss(sound) != beside.loss(broken)


def test_the_learning_rate_rises_in_a_line_and_falls_as_a_cosine():
    rates = [_rate(step, warm_up=10, total=110) for step in range(111)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[110] == pytest.approx(0.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
