from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.config import FitSettings, TrainingConfig
from training.cross_fit import TrainingWindows
from training.dataset import Example, level_counts
from training.fitting import FittedNetwork, fit_network
from training.module import DiagnosisModule
from training.parts import predict_parts


def fit(
    data: TrainingWindows,
    config: TrainingConfig,
    training: Sequence[Example],
    validation: Sequence[Example] = (),
    *,
    seed: int = 0,
    **settings: float,
) -> FittedNetwork:
    changed: FitSettings = config.fit.model_copy(update=settings)
    return fit_network(config.model, changed, training, validation, level_counts(data.windows.machine), seed=seed)


def test_one_seed_gives_one_network_and_another_seed_another(data: TrainingWindows, tiny_config: TrainingConfig):
    one, same, other = (
        predict_parts(fit(data, tiny_config, data.examples[:16], seed=seed).model, data.examples[16:20]).fused
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_fault_that_shows_is_learned(data: TrainingWindows, tiny_config: TrainingConfig):
    """The cooler, whose temperatures differ by tens of kelvin between its levels."""
    network = fit(data, tiny_config, data.examples, epochs=15, learning_rate=0.01, degraded_share=0.0)
    node = data.windows.machine.component_index["cooler"]
    logits = predict_parts(network.model, data.examples).fused[:, node]
    passed = logits[:, 0] > 0
    assert (passed == (data.windows.levels("cooler") > 0)).mean() > 0.9


def test_shuffled_labels_score_chance_on_windows_not_seen(data: TrainingWindows, tiny_config: TrainingConfig):
    """Nothing leaks from a window's place, or from the windows tested, into what is learned."""
    random = np.random.default_rng(0)
    shuffled = [
        replace(example, targets=data.examples[source].targets)
        for example, source in zip(data.examples, random.permutation(len(data.examples)), strict=True)
    ]
    node = data.windows.machine.component_index["cooler"]
    right = []
    for part in range(3):
        test = [index for index in range(len(shuffled)) if index % 3 == part]
        training = [shuffled[index] for index in range(len(shuffled)) if index % 3 != part]
        network = fit(data, tiny_config, training, epochs=8, learning_rate=0.01, degraded_share=0.0)
        passed = predict_parts(network.model, [shuffled[index] for index in test]).fused[:, node, 0] > 0
        truth = np.array([shuffled[index].targets.level[node] > 0 for index in test])
        right += (passed == truth).tolist()
    faulty = np.mean([example.targets.level[node] > 0 for example in shuffled])
    assert np.mean(right) < max(faulty, 1 - faulty) + 0.15


def test_the_input_statistics_come_from_the_training_windows_alone(data: TrainingWindows, tiny_config: TrainingConfig):
    training, validation = data.examples[:10], data.examples[30:]
    network = fit(data, tiny_config, training, validation, epochs=1)
    types = training[0].sample.component_type
    node = data.windows.machine.component_index["cooler"]
    expected = np.mean([example.sample.features[node] for example in training], axis=0)
    assert (types == types[node]).sum() == 1
    assert network.model.normalise_features.mean[types[node]].numpy() == pytest.approx(expected, abs=1e-5)


def test_it_goes_back_to_its_best_epoch_and_stops_when_it_gets_worse(
    data: TrainingWindows, tiny_config: TrainingConfig
):
    """With a learning rate that wrecks the network, the first epochs are the best."""
    network = fit(data, tiny_config, data.examples[:16], data.examples[16:], epochs=30, patience=1, learning_rate=30.0)
    assert network.epochs < 25
    assert np.isfinite(predict_parts(network.model, data.examples[:2]).fused).all()


def test_a_validation_batch_without_any_label_has_no_weight(data: TrainingWindows, tiny_config: TrainingConfig):
    training = validation = data.examples[:8]  # so that it gets better for some epochs
    silent = [
        replace(item, targets=replace(item.targets, level=np.full_like(item.targets.level, -1))) for item in validation
    ]
    without, beside = (
        fit(data, tiny_config, training, [*validation, *more], epochs=4, learning_rate=0.01) for more in ([], silent)
    )
    assert without.epochs == beside.epochs > 1
    assert np.array_equal(*(predict_parts(one.model, data.examples[:4]).fused for one in (without, beside)))


def test_unlabelled_components_do_not_matter(data: TrainingWindows, tiny_config: TrainingConfig):
    """Without any label of the accumulator its head learns nothing of it, and training still works."""
    node = data.windows.machine.component_index["accumulator"]

    def without(example: Example) -> Example:
        level, fault = example.targets.level.copy(), example.targets.fault.copy()
        level[node], fault[node] = -1, np.nan
        return replace(example, targets=replace(example.targets, level=level, fault=fault))

    network = fit(data, tiny_config, [without(example) for example in data.examples[:12]], epochs=1)
    assert np.isfinite(predict_parts(network.model, data.examples[:3]).fused).all()


def test_batches_that_are_accumulated_are_one_large_batch(data: TrainingWindows, tiny_config: TrainingConfig):
    large, small = (
        fit(data, tiny_config, data.examples[:16], batch_size=size, accumulate=times, degraded_share=0.0)
        for size, times in ((8, 1), (4, 2))
    )
    for one, other in zip(large.model.parameters(), small.model.parameters(), strict=True):
        assert one.detach().numpy() == pytest.approx(other.detach().numpy(), abs=1e-5)


def test_in_bf16_the_network_is_nearly_the_same_and_its_weights_are_float32(
    data: TrainingWindows, tiny_config: TrainingConfig
):
    whole, half = (fit(data, tiny_config, data.examples[:8], precision=name) for name in ("32-true", "bf16-mixed"))
    one, other = (predict_parts(network.model, data.examples[:4]).fused for network in (whole, half))
    assert one == pytest.approx(other, abs=0.1)
    assert not np.array_equal(one, other)
    assert {value.dtype for value in half.model.parameters()} == {torch.float32}


def test_a_finished_fit_is_not_repeated_but_another_one_is(
    data: TrainingWindows, tiny_config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def kept(seed: int) -> FittedNetwork:
        levels = level_counts(data.windows.machine)
        return fit_network(
            tiny_config.model, tiny_config.fit, data.examples[:8], data.examples[8:12], levels, seed=seed, keep=tmp_path
        )

    first, other = kept(seed=1), kept(seed=2)
    monkeypatch.setattr(DiagnosisModule, "training_step", lambda *_: pytest.fail("it is fitted again"))
    again = kept(seed=2)

    assert again.epochs == other.epochs
    assert all(torch.equal(a, b) for a, b in zip(again.model.parameters(), other.model.parameters(), strict=True))
    assert not torch.equal(next(iter(first.model.parameters())), next(iter(other.model.parameters())))


def test_tensorboard_shows_every_epoch(data: TrainingWindows, tiny_config: TrainingConfig, tmp_path: Path):
    levels = level_counts(data.windows.machine)
    fit_network(
        tiny_config.model, tiny_config.fit, data.examples[:8], data.examples[8:12], levels, seed=1, keep=tmp_path
    )
    log = EventAccumulator(str(tmp_path)).Reload()
    assert {"training_loss", "validation_error"} <= set(log.Tags()["scalars"])
    assert len(log.Scalars("validation_error")) == tiny_config.fit.epochs


def test_predictions_do_not_depend_on_the_batch_they_are_in(data: TrainingWindows, tiny_config: TrainingConfig):
    model = fit(data, tiny_config, data.examples[:8], epochs=1).model
    alone = np.concatenate([predict_parts(model, [example]).fused for example in data.examples[:4]])
    assert predict_parts(model, data.examples[:4]).fused == pytest.approx(alone, abs=1e-5)
