import numpy as np
import torch

from training.config import FitSettings
from training.cross_fit import TrainingWindows
from training.datamodule import Batch, EpochOrder, GraphDataset, Seen, WindowsDataModule
from training.dataset import level_counts


def test_a_batch_is_one_disjoint_graph_with_a_target_a_node(data: TrainingWindows):
    examples = data.examples[:3]
    levels = level_counts(data.windows.machine)

    batch = Batch.join([Seen(example.sample, example.targets, example.faulty) for example in examples], levels)

    nodes, edges = len(levels), examples[0].sample.edge_index.shape[1]
    assert batch.graph.sequence.shape == (3 * nodes, 13, 64)
    assert batch.graph.edge_index.shape == (2, 3 * edges)
    assert batch.graph.edge_index[:, -edges:].min() >= 2 * nodes
    assert batch.level.tolist() == [int(level) for example in examples for level in example.targets.level]
    assert batch.levels.tolist() == levels.tolist() * 3
    assert batch.fault.shape == (3 * nodes, 9)
    assert batch.faulty.shape == (3 * nodes, 13)


def test_training_sees_degraded_copies_as_often_as_asked():
    for share, low, high in ((0.0, 0, 0), (0.5, 0.4, 0.6), (1.0, 1, 1)):
        degraded = [degraded for _, degraded in EpochOrder(500, share, seed=0)]
        assert low <= np.mean(degraded) <= high


def test_a_copy_is_the_sample_or_its_degraded_one(data: TrainingWindows):
    damaged = [example for example in data.examples if example.degraded is not example.sample]
    learned, validated = GraphDataset.to_learn(damaged), GraphDataset.to_validate(damaged)
    assert learned[3, True].sample is damaged[3].learned
    assert learned[3, True].faulty is damaged[3].faulty
    assert validated[3, True].sample is damaged[3].degraded
    assert learned[3, False].sample is validated[3, False].sample is damaged[3].sample
    assert not learned[3, False].faulty.any()
    assert not validated[3, True].faulty.any()


def test_each_epoch_has_its_own_order_which_follows_from_the_seed_alone():
    def order(seed: int, epoch: int) -> list[tuple[int, bool]]:
        sampler = EpochOrder(40, 0.5, seed=seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 1)
    assert sorted(index for index, _ in order(1, 2)) == list(range(40))


def test_processes_share_out_what_one_process_would_see():
    alone = list(EpochOrder(41, 0.5, seed=1))
    shares = [list(EpochOrder(41, 0.5, seed=1, processes=2, process=process)) for process in (0, 1)]
    assert [len(share) for share in shares] == [21, 21] == [len(EpochOrder(41, 0.5, seed=1, processes=2))] * 2
    together = [choice for pair in zip(*shares, strict=True) for choice in pair]
    assert together == [*alone, alone[0]]


def test_validation_sees_every_window_whole_and_degraded_in_order(data: TrainingWindows):
    settings = FitSettings(batch_size=4)
    module = WindowsDataModule((), data.examples[:6], level_counts(data.windows.machine), settings)
    batches = list(module.val_dataloader())
    seen = torch.cat([batch.graph.sequence for batch in batches])
    samples = [example.sample for example in data.examples[:6]] + [example.degraded for example in data.examples[:6]]
    assert np.array_equal(seen.numpy(), np.concatenate([sample.sequence for sample in samples]))


def test_there_are_training_batches_of_the_size_asked_for(data: TrainingWindows):
    settings = FitSettings(batch_size=5)
    module = WindowsDataModule(data.examples[:12], (), level_counts(data.windows.machine), settings)
    assert [len(batch.level) // len(data.examples[0].targets.level) for batch in module.train_dataloader()] == [5, 5, 2]
