import numpy as np

from training.ablation import shuffle_edges
from training.cross_fit import TrainingWindows


def test_pipes_end_elsewhere_but_every_component_keeps_as_many(data: TrainingWindows):
    shuffled = shuffle_edges(data.examples, seed=0)
    moved = 0
    for example, other in zip(data.examples, shuffled, strict=True):
        (source, target), (new_source, new_target) = example.sample.edge_index, other.sample.edge_index
        assert np.array_equal(source, new_source)
        assert np.array_equal(np.sort(target), np.sort(new_target))
        assert np.array_equal(other.sample.edge_index, other.degraded.edge_index)
        moved += not np.array_equal(target, new_target)
    assert moved > 0.9 * len(shuffled)


def test_nothing_else_changes_and_windows_are_shuffled_each_in_its_own_way(data: TrainingWindows):
    shuffled = shuffle_edges(data.examples, seed=0)
    assert all(
        other.sample.features is example.sample.features and other.targets is example.targets
        for example, other in zip(data.examples, shuffled, strict=True)
    )
    assert len({other.sample.edge_index.tobytes() for other in shuffled}) > 0.9 * len(shuffled)


def test_one_seed_gives_one_shuffle(data: TrainingWindows):
    one, same, other = (
        [example.sample.edge_index.tolist() for example in shuffle_edges(data.examples, seed)] for seed in (1, 1, 2)
    )
    assert one == same != other
