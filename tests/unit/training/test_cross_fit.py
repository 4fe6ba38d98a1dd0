from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.models.small_rig import MACHINE, small_recording
from training.answers import Asked
from training.config import TrainingConfig
from training.cross_fit import TrainingWindows, as_seen, fit_closed_form, fit_fold
from training.evaluation_windows import evaluation_windows
from training.folds import group_folds
from training.model_answers import DEGRADED, WHOLE, ModelAnswers, calibrated_answers, held_out_windows
from training.parts import predict_parts
from training.splits import Split
from training.trials import MODEL, Examiner, Trial


@pytest.fixture(scope="module")
def data(tiny_config: TrainingConfig) -> TrainingWindows:
    config = tiny_config.model_copy(update={"group_by": ("block",), "protocols": {}})
    return evaluation_windows(MACHINE, small_recording(), config, [], seed=0)


def test_what_a_model_is_stopped_by_is_of_other_groups_than_what_it_is_tested_on(
    data: TrainingWindows, tiny_config: TrainingConfig
):
    for fold in group_folds(data.groups, 2):
        fitted = fit_fold(data, tiny_config, fold, seed=0)
        assert not set(data.groups[fold.test]) & set(data.groups[fitted.validation])
        assert set(fitted.validation) <= set(fold.training)
        assert fitted.held_back.fused.shape == (len(fitted.validation), 2, 4)


def test_nothing_of_the_windows_tested_has_any_influence(data: TrainingWindows, tiny_config: TrainingConfig):
    """Scaling, signal choice, discriminant, baseline, network, stopping and fusion are the same whatever is in them."""
    settings = {"model": tiny_config.model.model_copy(update={"conditioning": True, "residuals": True})}
    config = tiny_config.model_copy(update=settings)
    fold = group_folds(data.groups, 2)[0]
    other = list(data.examples)
    for index in fold.test:
        source = data.examples[index]
        arrays = {name: getattr(source.sample, name) for name in ("features", "sequence", "residuals")}
        sample = replace(source.sample, **{name: -7 * array for name, array in arrays.items()})
        level = np.where(source.targets.level >= 0, 1 - source.targets.level.clip(max=1), -1)
        other[index] = replace(
            source, sample=sample, degraded=sample, learned=sample, targets=replace(source.targets, level=level)
        )
    items = list(data.windows.items)
    for index in fold.test:
        window = items[index].window
        channels = tuple(replace(channel, values=channel.values * -7) for channel in window.channels)
        items[index] = replace(items[index], window=replace(window, channels=channels))
    poisoned = replace(data, examples=tuple(other), windows=replace(data.windows, items=tuple(items)))

    as_it_is, changed = (fit_fold(as_seen(one, config, fold), config, fold, seed=0) for one in (data, poisoned))

    assert as_it_is.epochs == changed.epochs
    weights = changed.model.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in as_it_is.model.state_dict().items())


def test_the_discriminant_alone_takes_no_word_from_the_network(data: TrainingWindows, tiny_config: TrainingConfig):
    fold = group_folds(data.groups, 2)[0]
    fitted = fit_closed_form(data, tiny_config, fold, seed=0)
    said = predict_parts(fitted.model, data.pick(fold.test))
    assert fitted.epochs == 0
    assert not said.network.any()
    assert np.array_equal(said.fused, said.discriminant)


def test_a_model_is_calibrated_by_what_others_said_of_other_groups(data: TrainingWindows, tiny_config: TrainingConfig):
    split = Split("two", group_folds(data.groups, 2), data.groups)
    examiner = Examiner(data, tiny_config)
    said = [examiner.answer(Trial(split, number, 0, MODEL, network=False)) for number in (0, 1)]
    assert all(isinstance(one, ModelAnswers) for one in said)
    held_out = held_out_windows(data, said)
    assert len(held_out.logits) == 2 * len(data.windows)
    assert (held_out.missing[: len(data.windows)] == 0).all()

    flipped = ModelAnswers.of({name: array.copy() for name, array in said[1].arrays().items()})
    for part in flipped.heard[WHOLE][:3]:
        part[:] = -part
    before, after = calibrated_answers(data, said), calibrated_answers(data, [said[0], flipped])
    asked = Asked("valve", MODEL)
    assert not np.allclose(before[0].said[asked].probabilities, after[0].said[asked].probabilities)


def test_answers_are_kept_and_read_as_they_were(data: TrainingWindows, tiny_config: TrainingConfig):
    split = Split("two", group_folds(data.groups, 2), data.groups)
    said = Examiner(data, tiny_config).answer(Trial(split, 0, 0, MODEL, network=False))
    again = ModelAnswers.of(said.arrays())
    assert set(again.heard) == {WHOLE, DEGRADED}
    for kind, heard in said.heard.items():
        for one, other in zip(heard, again.heard[kind], strict=True):
            assert np.array_equal(one, other)
