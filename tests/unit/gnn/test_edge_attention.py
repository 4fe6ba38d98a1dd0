import torch

from gnn.edge_attention import EdgeAttention, both_directions

WIDTH = 8


def layer(*, edge_in_message: bool = True, signed_sum: bool = True) -> EdgeAttention:
    torch.manual_seed(0)
    return EdgeAttention(WIDTH, heads=2, dropout=0.0, edge_in_message=edge_in_message, signed_sum=signed_sum)


def chain() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(3, WIDTH), torch.tensor([[0, 1], [1, 2]]), torch.rand(2, 8)


def test_every_pipe_is_used_both_ways_and_knows_which():
    edge_index, features = both_directions(torch.tensor([[0, 1], [1, 2]]), torch.rand(2, 8))
    assert edge_index.tolist() == [[0, 1, 1, 2], [1, 2, 0, 1]]
    assert features[:, 8].tolist() == [1, 1, -1, -1]
    assert torch.equal(features[:2, :8], features[2:, :8])


def test_both_ends_of_a_pipe_hear_of_each_other_and_of_nobody_further():
    h, edge_index, features = chain()
    pipes = both_directions(edge_index, features)
    changed = h.clone()
    changed[2] += torch.randn(WIDTH)
    before, after = layer()(h, *pipes), layer()(changed, *pipes)
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


def test_upstream_and_downstream_are_not_the_same():
    h, edge_index, features = chain()
    along = layer()(h, *both_directions(edge_index, features))
    against = layer()(h, *both_directions(edge_index.flip(0), features))
    assert not torch.allclose(along, against)


def test_the_pipe_changes_the_message_even_when_there_is_one_neighbour_and_the_attention_is_one():
    h, edge_index, features = torch.randn(2, WIDTH), torch.tensor([[0], [1]]), torch.rand(1, 8)
    wider = features + torch.tensor([[0.5, 0, 0, 0, 0, 0, 0, 0]])

    def change(attention: EdgeAttention) -> float:
        one, other = (attention(h, *both_directions(edge_index, pipe)) for pipe in (features, wider))
        return float((one - other).detach().abs().max())

    assert change(layer(signed_sum=False)) > 1e-3
    assert change(layer(signed_sum=False, edge_in_message=False)) < 1e-6


def test_the_signed_sum_can_form_a_balance_that_the_attention_mean_cannot():
    """Twice the inflow through twice the pipes: a mean stays the same, a sum doubles."""
    h = torch.cat([torch.zeros(1, WIDTH), torch.randn(1, WIDTH).expand(2, WIDTH)])
    one = both_directions(torch.tensor([[1], [0]]), torch.zeros(1, 8))
    two = both_directions(torch.tensor([[1, 2], [0, 0]]), torch.zeros(2, 8))

    mean, total = layer(signed_sum=False), layer(signed_sum=True)

    assert torch.allclose(mean(h, *one)[0], mean(h, *two)[0], atol=1e-6)
    assert not torch.allclose(total(h, *one)[0], total(h, *two)[0], atol=1e-4)


def test_a_node_without_pipes_keeps_a_finite_state():
    h = torch.randn(4, WIDTH)
    alone = layer()(h, *both_directions(torch.zeros(2, 0, dtype=torch.int64), torch.zeros(0, 8)))
    connected = layer()(h, *both_directions(torch.tensor([[0], [1]]), torch.rand(1, 8)))
    assert torch.isfinite(alone).all()
    assert torch.allclose(alone[2:], connected[2:], atol=1e-6)


def test_the_order_of_the_pipes_does_not_matter():
    h, edge_index, features = chain()
    one = layer()(h, *both_directions(edge_index, features))
    other = layer()(h, *both_directions(edge_index.flip(1), features.flip(0)))
    assert torch.allclose(one, other, atol=1e-6)
