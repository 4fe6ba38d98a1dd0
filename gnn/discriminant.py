"""Linear discriminants on a node's own work cycle, found in closed form, as a part of the network.

What a fault does to a signal is small beside what temperature and the other components' state do. A network trained on
a few dozen machine states learns those states; the discriminant divides by the scatter *within* a level, and with it by
everything that varies without the level (`ordinal_direction`).

Each component type has several, in order of how well they did on conditions that they had not seen
(`signal_selection`): on other signals, and on more or less of the cycle. A node hears the first that needs nothing that
is missing or took another course than the programme (`programme`), and its peers; their scores are averaged. Where none
is left the network, which has learnt to do without, speaks alone.

Scores become continuation ratios, logit_k = log Σ_{l>k} e^{score_l} − score_k, and go with the network's logits into
the fusion.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import block_diag
from torch import Tensor, nn

from edge_runtime.graph import Float32Array, Int64Array
from gnn.heads import FAULTS, LEVEL_LOGITS
from gnn.normalisation import CHANNELS
from gnn.ordinal_direction import Float64Array, LevelSums, OrdinalDirection, both_views, fit_direction, in_metric
from gnn.programme import PARTS, CycleProgramme
from gnn.signal_selection import BoolArray, Choice, choose_signals

LEVELS = LEVEL_LOGITS + 1
NOBODY = -1

_IMPOSSIBLE = -30.0


class CycleDiscriminant(nn.Module):
    """For each component type that has labels some discriminants, the best first. Silent until it is fitted.

    Attributes:
        weight: [C · T, R], of the R discriminants, on deviations from the programme.
        slope, bias: [R, L], what the weighted sum says of each level.
        needed: [R, C · PARTS], 1 for what a discriminant can't do without.
        peers: [R, R], 1 for those as good as a discriminant, itself among them.
        kind: int64 [R], the component type it is for.
        fault: [R, 9], 1 for the fault that its levels grade.
    """

    weight: Tensor
    slope: Tensor
    bias: Tensor
    needed: Tensor
    peers: Tensor
    kind: Tensor
    fault: Tensor

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self.programme = CycleProgramme(tokens)
        self.register_buffer("weight", torch.zeros(CHANNELS * tokens, 1))
        self.register_buffer("slope", torch.zeros(1, LEVELS))
        self.register_buffer("bias", torch.zeros(1, LEVELS))
        self.register_buffer("needed", torch.zeros(1, CHANNELS * PARTS))
        self.register_buffer("peers", torch.ones(1, 1))
        self.register_buffer("kind", torch.full((1,), NOBODY))
        self.register_buffer("fault", torch.zeros(1, FAULTS))

    def fit(
        self,
        cycle: Float32Array,
        mask: Float32Array,
        types: Int64Array,
        level: Int64Array,
        fault: Float32Array,
        environment: Int64Array,
    ) -> None:
        """Find the discriminants of all types with at least two labelled levels.

        Args:
            cycle: [n, C, T], the nodes' raw cycles.
            mask: [n, C, T].
            types: int64 [n].
            level: int64 [n], −1 = unlabelled.
            fault: [n, 9], NaN = unknown.
            environment: int64 [n, E], the other conditions that each cycle was recorded under; −1 = not known.
        """
        labelled = np.isin(types, np.unique(types[level >= 0]))
        self.programme.fit(cycle[labelled], mask[labelled], types[labelled])
        found: list[_Row] = []
        peers: list[BoolArray] = []
        for kind in np.unique(types[level >= 0]).tolist():
            rows = np.flatnonzero((types == kind) & (level >= 0))
            if len(np.unique(level[rows])) < 2:
                continue
            with torch.no_grad():
                compared = self.programme(
                    torch.from_numpy(cycle[rows]), torch.from_numpy(mask[rows]), torch.from_numpy(types[rows])
                )
            deviation, usable = (part.numpy() for part in compared)
            graded: BoolArray = np.any(~np.isnan(fault[rows]), 0)
            ranking = choose_signals(deviation, usable, level[rows], environment[rows])
            own = [_row(choice, deviation, usable, level[rows], kind, graded) for choice in ranking.choices]
            found += own
            peers.append(ranking.peers)
        if found:
            self.weight = _float32(np.stack([row.weight for row in found], 1))
            self.slope = _float32(np.stack([row.slope for row in found]))
            self.bias = _float32(np.stack([row.bias for row in found]))
            self.needed = _float32(np.stack([row.needed for row in found]))
            self.peers = _float32(block_diag(*peers))
            self.kind = torch.tensor([row.kind for row in found])
            self.fault = _float32(np.stack([row.fault for row in found]))

    def forward(self, cycle: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the discriminants say.

        Args:
            cycle: [N, C, T], raw.
            mask: [N, C, T], 1 where measured.
            types: int64 [N].

        Returns:
            Level logits [N, 4], fault logits [N, 9], and [N, 1]: 1 where it speaks. Where it doesn't they are zero.
        """
        deviation, usable = self.programme(cycle, mask, types)
        lacking = (1 - usable.flatten(1)) @ self.needed.T
        able = (types.unsqueeze(1) == self.kind).to(cycle.dtype) * (lacking < 0.5).to(cycle.dtype)
        order = torch.arange(self.kind.shape[0], 0, -1, device=cycle.device)
        first = (able * order).argmax(1)
        speaks = able.amax(1).unsqueeze(1)
        heard = able * self.peers.index_select(0, first)
        share = (heard / heard.sum(1, keepdim=True).clamp(min=1)).double()
        # Weights of hundreds cancel each other to scores of a few: in float32 two engines would differ by over 1e-4.
        sums = deviation.flatten(1).double() @ self.weight.double()
        scores = ((share * sums) @ self.slope.double() + share @ self.bias.double()).to(cycle.dtype)
        level = torch.stack([torch.logsumexp(scores[:, k + 1 :], 1) - scores[:, k] for k in range(LEVEL_LOGITS)], dim=1)
        level = speaks * level.clamp(_IMPOSSIBLE, -_IMPOSSIBLE)
        return level, level[:, :1] * self.fault.index_select(0, first), speaks


@dataclass(frozen=True, slots=True)
class _Row:
    weight: Float64Array
    slope: Float64Array
    bias: Float64Array
    needed: BoolArray
    kind: int
    fault: BoolArray


def _row(
    choice: Choice, deviation: Float32Array, usable: Float32Array, level: Int64Array, kind: int, graded: BoolArray
) -> _Row:
    """The discriminant of those labelled cycles [n, C, T] that have all that the choice needs."""
    enough = choice.suffices(usable)
    deviation, level = deviation[enough], level[enough]
    channels, tokens = deviation.shape[1:]
    used = np.arange(tokens * choice.parts // PARTS)
    cycle = deviation[:, choice.channels][:, :, used].astype(np.float64)
    metric = both_views(cycle)
    direction = _fit(in_metric(cycle, metric), level, choice.shrinkage)
    weight = np.zeros((channels, tokens))
    on_used = np.einsum("cts,cs->ct", metric, direction.weight.reshape(len(metric), -1))
    weight[np.ix_(choice.channels, used)] = on_used
    needed = np.zeros((channels, PARTS), np.bool_)
    needed[choice.channels, : choice.parts] = True
    bias = np.where(np.isfinite(direction.bias), choice.sharpness * direction.bias, _IMPOSSIBLE)
    return _Row(weight.ravel(), choice.sharpness * direction.slope, bias, needed.ravel(), kind, graded)


def _fit(cycle: Float64Array, level: Int64Array, shrinkage: float) -> OrdinalDirection:
    return fit_direction(LevelSums.of(cycle, level, LEVELS), shrinkage)


def _float32(values: npt.ArrayLike) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))
