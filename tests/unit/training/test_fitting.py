from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.checkpoint import load_checkpoint
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


def test_one_seed_gives_one_network_and_another_seed_another(small: TrainingWindows, small_config: TrainingConfig):
    one, same, other = (
        predict_parts(fit(small, small_config, small.examples[:16], seed=seed).model, small.examples[16:20]).fused
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_fault_that_shows_is_learned(small: TrainingWindows, small_config: TrainingConfig):
    """The pump, whose flow falls with its level."""
    network = fit(small, small_config, small.examples, epochs=15, learning_rate=0.01, degraded_share=0.0)
    node = small.windows.machine.component_index["pump"]
    logits = predict_parts(network.model, small.examples).fused[:, node]
    passed = logits[:, 0] > 0
    assert (passed == (small.windows.levels("pump") > 0)).mean() > 0.9


def test_the_input_statistics_come_from_the_training_windows_alone(
    small: TrainingWindows, small_config: TrainingConfig
):
    training, validation = small.examples[:10], small.examples[30:]
    network = fit(small, small_config, training, validation, epochs=1)
    types = training[0].sample.component_type
    node = small.windows.machine.component_index["pump"]
    expected = np.mean([example.sample.features[node] for example in training], axis=0)
    assert (types == types[node]).sum() == 1
    assert network.model.normalise_features.mean[types[node]].numpy() == pytest.approx(expected, abs=1e-5)


def test_it_goes_back_to_its_best_epoch_and_stops_when_it_gets_worse(
    small: TrainingWindows, small_config: TrainingConfig
):
    """With a learning rate that wrecks the network, the first epochs are the best."""
    network = fit(
        small, small_config, small.examples[:16], small.examples[16:], epochs=30, patience=1, learning_rate=30.0
    )
    assert network.epochs < 25
    assert np.isfinite(predict_parts(network.model, small.examples[:2]).fused).all()


def test_a_validation_batch_without_any_label_has_no_weight(small: TrainingWindows, small_config: TrainingConfig):
    training = validation = small.examples[:8]  # so that it gets better for some epochs
    silent = [
        replace(item, targets=replace(item.targets, level=np.full_like(item.targets.level, -1))) for item in validation
    ]
    without, beside = (
        fit(small, small_config, training, [*validation, *more], epochs=4, learning_rate=0.01) for more in ([], silent)
    )
    assert without.epochs == beside.epochs > 1
    assert np.array_equal(*(predict_parts(one.model, small.examples[:4]).fused for one in (without, beside)))


def test_unlabelled_components_do_not_matter(small: TrainingWindows, small_config: TrainingConfig):
    """Without any label of the valve its head learns nothing of it, and training still works."""
    node = small.windows.machine.component_index["valve"]

    def without(example: Example) -> Example:
        level, fault = example.targets.level.copy(), example.targets.fault.copy()
        level[node], fault[node] = -1, np.nan
        return replace(example, targets=replace(example.targets, level=level, fault=fault))

    network = fit(small, small_config, [without(example) for example in small.examples[:12]], epochs=1)
    assert np.isfinite(predict_parts(network.model, small.examples[:3]).fused).all()


def test_batches_that_are_accumulated_are_one_large_batch(small: TrainingWindows, small_config: TrainingConfig):
    large, small = (
        fit(small, small_config, small.examples[:16], batch_size=size, accumulate=times, degraded_share=0.0)
        for size, times in ((8, 1), (4, 2))
    )
    for one, other in zip(large.model.parameters(), small.model.parameters(), strict=True):
        assert one.detach().numpy() == pytest.approx(other.detach().numpy(), abs=1e-5)


def test_in_bf16_the_network_is_nearly_the_same_and_its_weights_are_float32(
    small: TrainingWindows, small_config: TrainingConfig
):
    whole, half = (fit(small, small_config, small.examples[:8], precision=name) for name in ("32-true", "bf16-mixed"))
    one, other = (predict_parts(network.model, small.examples[:4]).fused for network in (whole, half))
    assert one == pytest.approx(other, abs=0.1)
    assert not np.array_equal(one, other)
    assert {value.dtype for value in half.model.parameters()} == {torch.float32}


def test_a_finished_fit_is_not_repeated_but_another_one_is(
    small: TrainingWindows, small_config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def kept(seed: int) -> FittedNetwork:
        levels = level_counts(small.windows.machine)
        return fit_network(
            small_config.model,
            small_config.fit,
            small.examples[:8],
            small.examples[8:12],
            levels,
            seed=seed,
            keep=tmp_path,
        )

    first, other = kept(seed=1), kept(seed=2)
    monkeypatch.setattr(DiagnosisModule, "training_step", lambda *_: pytest.fail("it is fitted again"))
    again = kept(seed=2)

    assert again.epochs == other.epochs
    assert all(torch.equal(a, b) for a, b in zip(again.model.parameters(), other.model.parameters(), strict=True))
    assert not torch.equal(next(iter(first.model.parameters())), next(iter(other.model.parameters())))


class _PowerCut(BaseException):
    """What no code catches."""


@pytest.mark.parametrize(("hook", "epoch"), [("training_step", 1), ("validation_step", 2), ("on_train_epoch_end", 3)])
def test_an_interrupted_fit_goes_on_to_the_same_weights_of_every_epoch(
    small: TrainingWindows,
    small_config: TrainingConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hook: str,
    epoch: int,
):
    """With dropout, and not in the best epoch alone: that may lie before the interruption."""
    config = small_config.model.model_copy(update={"dropout": 0.3, "discriminant": False})
    settings = small_config.fit.model_copy(update={"epochs": 5})
    levels = level_counts(small.windows.machine)

    def last_epoch(folder: Path) -> dict[str, torch.Tensor]:
        fit_network(config, settings, small.examples[:16], small.examples[16:24], levels, seed=1, keep=folder)
        weights: dict[str, torch.Tensor] = load_checkpoint(folder / "latest.ckpt")["state_dict"]
        return weights

    whole = last_epoch(tmp_path / "whole")
    original = getattr(DiagnosisModule, hook)

    def cut(module: DiagnosisModule, *arguments: object) -> object:
        if module.current_epoch == epoch:
            raise _PowerCut
        return original(module, *arguments)

    monkeypatch.setattr(DiagnosisModule, hook, cut)
    with pytest.raises(_PowerCut):
        last_epoch(tmp_path / "cut")
    monkeypatch.setattr(DiagnosisModule, hook, original)
    gone_on = last_epoch(tmp_path / "cut")

    assert all(torch.equal(value, gone_on[name]) for name, value in whole.items())


def test_tensorboard_shows_every_epoch(small: TrainingWindows, small_config: TrainingConfig, tmp_path: Path):
    levels = level_counts(small.windows.machine)
    fit_network(
        small_config.model, small_config.fit, small.examples[:8], small.examples[8:12], levels, seed=1, keep=tmp_path
    )
    log = EventAccumulator(str(tmp_path)).Reload()
    assert {"training_loss", "validation_error"} <= set(log.Tags()["scalars"])
    assert len(log.Scalars("validation_error")) == small_config.fit.epochs


def test_predictions_do_not_depend_on_the_batch_they_are_in(small: TrainingWindows, small_config: TrainingConfig):
    model = fit(small, small_config, small.examples[:8], epochs=1).model
    alone = np.concatenate([predict_parts(model, [example]).fused for example in small.examples[:4]])
    assert predict_parts(model, small.examples[:4]).fused == pytest.approx(alone, abs=1e-5)
