import torch

from training.config import FitSettings
from training.cross_fit import TrainingWindows
from training.datamodule import Batch, GraphDataset, WindowsDataModule
from training.dataset import level_counts


def test_a_batch_is_one_disjoint_graph_with_a_target_a_node(data: TrainingWindows):
    examples = data.examples[:3]
    levels = level_counts(data.windows.machine)

    batch = Batch.join([(example.sample, example.targets) for example in examples], levels)

    nodes, edges = len(levels), examples[0].sample.edge_index.shape[1]
    assert batch.graph.sequence.shape == (3 * nodes, 13, 64)
    assert batch.graph.edge_index.shape == (2, 3 * edges)
    assert batch.graph.edge_index[:, -edges:].min() >= 2 * nodes
    assert batch.level.tolist() == [int(level) for example in examples for level in example.targets.level]
    assert batch.levels.tolist() == levels.tolist() * 3
    assert batch.fault.shape == (3 * nodes, 9)


def test_training_sees_degraded_copies_as_often_as_asked_and_validation_never(data: TrainingWindows):
    torch.manual_seed(0)
    damaged = [example for example in data.examples if example.degraded is not example.sample]
    for share, low, high in ((0.0, 0, 0), (0.5, 0.3, 0.7), (1.0, 1, 1)):
        dataset = GraphDataset(damaged, share)
        seen = sum(dataset[i][0] is damaged[i].degraded for _ in range(5) for i in range(len(damaged)))
        assert low <= seen / (5 * len(damaged)) <= high


def test_training_batches_come_in_another_order_and_validation_batches_do_not(data: TrainingWindows):
    torch.manual_seed(0)
    levels = level_counts(data.windows.machine)
    settings = FitSettings(batch_size=4, degraded_share=0)
    module = WindowsDataModule(data.examples[:12], data.examples[:12], levels, settings)

    def starts(loader) -> list[float]:
        return [float(batch.graph.features[0].sum()) for batch in loader]

    assert len(list(module.train_dataloader())) == 3
    assert starts(module.val_dataloader()) == starts(module.val_dataloader())
    assert starts(module.train_dataloader()) != starts(module.train_dataloader())
