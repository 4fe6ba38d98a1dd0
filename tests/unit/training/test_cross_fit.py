import numpy as np

from training.config import TrainingConfig
from training.cross_fit import TrainingWindows, cross_fit
from training.folds import group_folds


def test_no_window_is_validated_or_trained_on_beside_its_group(data: TrainingWindows, tiny_config: TrainingConfig):
    results = cross_fit(data, tiny_config, group_folds(data.groups, 2), seed=0)
    tested = np.concatenate([result.fold.test for result in results])
    assert sorted(tested) == list(range(len(data.windows)))
    for result in results:
        for logits in (result.said.fused, result.said.network, result.said.discriminant):
            assert logits.shape == (len(result.fold.test), 13, 4)
        assert result.degraded_logits.shape == (len(result.fold.test), 13, 4)
        assert not set(data.groups[result.fold.test]) & set(data.groups[result.validation])
        assert set(result.validation) <= set(result.fold.training)
