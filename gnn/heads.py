"""What is read from a node: how far the component has come from healthy to failed, and which faults it shows."""

import math

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows
from torch import Tensor, nn

from edge_runtime.vocabulary import FaultMode

LEVEL_LOGITS = 4
FAULTS = len(FaultMode)


class CrossTaskAttention(nn.Module):
    """The level task and the fault task look at each other before they answer.

    Two task tokens z_a = W_a h a node; `z_a + softmax_b(z_a Q · z_b K / √H) z_b V` over the two.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.scale = 1 / math.sqrt(width)

    def forward(self, tasks: Tensor) -> Tensor:
        """[N, tasks, H] → [N, tasks, H]."""
        weights = (self.query(tasks) @ self.key(tasks).transpose(-1, -2) * self.scale).softmax(-1)
        attended: Tensor = tasks + weights @ self.value(tasks)
        return attended


class TaskHeads(nn.Module):
    """Ordinal level head and multi-label fault head on every node.

    The level head gives continuation-ratio logits q_k = P(level > k | level >= k), k = 0…3 (Fienberg 1980; see
    `edge_runtime.calibration` for the probabilities): a condition with m levels uses the first m − 1. The fault head
    gives one logit a `FaultMode`.
    """

    def __init__(self, width: int, dropout: float, *, cross_task: bool = False) -> None:
        super().__init__()
        self.tasks = nn.Linear(width, 2 * width)
        self.cross = CrossTaskAttention(width) if cross_task else nn.Identity()
        self.drop = nn.Dropout(dropout)
        self.level = nn.Linear(width, LEVEL_LOGITS)
        self.fault = nn.Linear(width, FAULTS)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """[N, H] → level logits [N, 4], fault logits [N, 9]."""
        tasks = F.gelu(self.tasks(h)).view(h.shape[0], 2, h.shape[1])
        level, fault = self.drop(self.cross(tasks)).unbind(1)
        return self.level(level), self.fault(fault)


class SensorFaultHead(nn.Module):
    """One logit a channel, `W h + b`: that the sensor there is at fault, and not the component.

    h has heard of the neighbours, so that a sensor which contradicts them can be told from a machine that has changed.
    """

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.channel = nn.Linear(width, channels)

    def forward(self, h: Tensor) -> Tensor:
        """[N, H] → [N, channels]."""
        logits: Tensor = self.channel(h)
        return logits


def likeliest_level(logits: Tensor, levels: Tensor) -> Tensor:
    """The level of highest probability.

    Args:
        logits: [N, 4], continuation ratios.
        levels: int64 [N], how many levels m the node's condition has; 0 without one.

    Returns:
        int64 [N]; 0 for nodes without a condition.
    """
    position = torch.arange(LEVEL_LOGITS + 1, device=logits.device)
    reached = F.pad(F.logsigmoid(logits).cumsum(1), (1, 0))
    last = position == levels.unsqueeze(1) - 1
    stop = torch.where(last, 0.0, F.pad(F.logsigmoid(-logits), (0, 1)))
    possible = position < levels.unsqueeze(1).clamp(min=1)
    return (reached + stop).masked_fill(~possible, -torch.inf).argmax(1)


def level_loss(logits: Tensor, level: Tensor, levels: Tensor) -> Tensor:
    """Negative log-likelihood of the continuation ratios, mean over labelled nodes.

    -log P(level = c) = Σ_{k<c} softplus(−q_k) + [c < m − 1] softplus(q_c)

    Args:
        logits: [N, 4].
        level: int64 [N], 0 = healthy; −1 = unlabelled, which counts nothing.
        levels: int64 [N], how many levels m the node's condition has.

    Returns:
        A scalar, 0 when nothing is labelled.
    """
    position = torch.arange(LEVEL_LOGITS, device=logits.device)
    level, levels = level.unsqueeze(1), levels.unsqueeze(1)
    passed = (position < level).to(logits.dtype)
    stopped = ((position == level) & (position < levels - 1)).to(logits.dtype)
    per_node = (passed * F.softplus(-logits) + stopped * F.softplus(logits)).sum(1)
    return per_node.sum() / (level >= 0).sum().clamp(min=1)


def fault_loss(logits: Tensor, fault: Tensor) -> Tensor:
    """Binary cross-entropy, mean over labelled nodes and faults.

    Args:
        logits: [N, 9].
        fault: float [N, 9], 1 shows it, 0 doesn't, NaN = unlabelled, which counts nothing.

    Returns:
        A scalar, 0 when nothing is labelled.
    """
    known = ~fault.isnan()
    losses = F.binary_cross_entropy_with_logits(logits, fault.nan_to_num(), reduction="none")
    return torch.where(known, losses, 0.0).sum() / known.sum().clamp(min=1)


def sensor_fault_loss(logits: Tensor, faulty: Tensor, measured: Tensor) -> Tensor:
    """Binary cross-entropy, mean over channels that a sensor reads.

    Args:
        logits: [N, C].
        faulty: float [N, C], 1 where the sensor is at fault.
        measured: [N, C, T], the sequence mask; a channel without a token has no sensor to judge.

    Returns:
        A scalar, 0 when nothing is measured.
    """
    there = measured.amax(2)
    losses = F.binary_cross_entropy_with_logits(logits, faulty, reduction="none")
    return (losses * there).sum() / there.sum().clamp(min=1)
