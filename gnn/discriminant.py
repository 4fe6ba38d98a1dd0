"""Fisher's linear discriminant on a node's own work cycle, found in closed form, as a part of the network.

What a fault does to a signal is small beside what temperature and the other components' state do. A network trained on
a few dozen machine states learns those states; the discriminant divides by the scatter *within* a level, and with it by
everything that varies without the level (R. A. Fisher, Annals of Eugenics 7, 1936). Levels are in order, from healthy
to failed, so there is one direction for all of them: with S the pooled covariance within levels, c the covariance of
the cycle with the level's number, x the cycle as it is beside the cycle less its own mean, and u_l the mean of u over
level l,

    u = cᵀ S⁻¹ x,     score_l = u_l u − ½ u_l²,     S ← (1 − λ) S + λ tr(S)/d I

A direction for each level has more freedom than a few dozen states can pin down: on the rig's accumulator, with a block
left out, it gets macro-F1 .90 where the one direction gets .97.

Both views of the cycle are linear in it, so they fold into one weight a sample. Scores become continuation ratios,
logit_k = log Σ_{l>k} e^{score_l} − score_k, and go with the network's logits into the fusion. A channel that is missing
can't be filled in, so there is a discriminant without each signal and without each two; where more are missing, the
network, which has learnt to do without, speaks alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from edge_runtime.graph import Float32Array, Int64Array
from gnn.heads import FAULTS, LEVEL_LOGITS
from gnn.normalisation import CHANNELS, InputNormalisation

LEVELS = LEVEL_LOGITS + 1
SHRINKAGE = 1e-4
"""λ. Ten times as much costs the rig's accumulator .02 of its macro-F1 under leave-one-block-out, a tenth gains nothing
and makes gaps costlier; valve and pump don't care. It was chosen on those blocks, so the accumulator's figures there
are a little too good (ADR 24)."""

MOST_MISSING = 2
"""Signals of a node that a discriminant does without; they grow as the binomials of the node's signals."""

TYPICAL_MARGIN = 6.0
"""Scores are scaled so that the median training window's level leads by this much: the calibration does the rest."""

LEAST_MEASURED = 0.9
NEARNESS = 0.1
"""A gap's neighbours count for it by this to the power of their distance: nearly the mean of the nearest."""

_IMPOSSIBLE = -30.0
_SMALLEST_SPREAD = 1e-9

NOBODY = -1

BoolArray = npt.NDArray[np.bool_]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fold:
    """A discriminant as one affine map of the raw cycle: weight [C · T, L], bias [L], −inf for levels never seen."""

    weight: Float64Array
    bias: Float64Array


class CycleDiscriminant(nn.Module):
    """For each component type that has labels a discriminant on all its signals, and one without each few of them.

    A node uses the one that needs the most of what it has. Silent until it is fitted.

    Attributes:
        weight: [C · T, R · L], of the R discriminants.
        bias: [R, L].
        needed: [R, C], 1 for the channels that a discriminant was fitted on.
        kind: int64 [R], the component type it is for.
        fault: [R, 9], 1 for the fault that its levels grade.
    """

    weight: Tensor
    bias: Tensor
    needed: Tensor
    kind: Tensor
    fault: Tensor
    nearness: Tensor

    def __init__(self, tokens: int) -> None:
        super().__init__()
        place = torch.arange(tokens)
        distance = (place.unsqueeze(0) - place.unsqueeze(1)).abs()
        self.register_buffer("nearness", NEARNESS ** distance.float(), persistent=False)
        self.register_buffer("weight", torch.zeros(CHANNELS * tokens, LEVELS))
        self.register_buffer("bias", torch.zeros(1, LEVELS))
        self.register_buffer("needed", torch.zeros(1, CHANNELS))
        self.register_buffer("kind", torch.full((1,), NOBODY))
        self.register_buffer("fault", torch.zeros(1, FAULTS))

    def fit(
        self,
        normalisation: InputNormalisation,
        cycle: Float32Array,
        mask: Float32Array,
        types: Int64Array,
        level: Int64Array,
        fault: Float32Array,
    ) -> None:
        """Find the discriminants of all types with at least two labelled levels.

        Args:
            normalisation: of the cycles, fitted; `forward` gets what comes out of it.
            cycle: [n, C, T], the nodes' raw cycles.
            mask: [n, C, T].
            types: int64 [n].
            level: int64 [n], −1 = unlabelled.
            fault: [n, 9], NaN = unknown.
        """
        found: list[_Row] = []
        for kind in np.unique(types[level >= 0]):
            rows = (types == kind) & (level >= 0)
            present = mask[rows].min((0, 2)) > 0
            if len(np.unique(level[rows])) < 2:
                continue
            mean, std = (np.asarray(part[kind], np.float64).ravel() for part in (normalisation.mean, normalisation.std))
            graded = (~np.isnan(fault[rows])).any(0)
            for channels in _signal_sets(cycle[rows], present):
                fold = _fit(cycle[rows].astype(np.float64), channels, level[rows])
                bias = np.where(np.isfinite(fold.bias), fold.bias + mean @ fold.weight, _IMPOSSIBLE)
                found.append(_Row(std[:, None] * fold.weight, bias, channels, int(kind), graded))
        if found:
            self.weight = _float32(np.concatenate([row.weight for row in found], 1))
            self.bias = _float32(np.stack([row.bias for row in found]))
            self.needed = _float32(np.stack([row.needed for row in found]))
            self.kind = torch.tensor([row.kind for row in found])
            self.fault = _float32(np.stack([row.fault for row in found]))

    def forward(self, cycle: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the discriminants say.

        Args:
            cycle: [N, C, T], normalised.
            mask: [N, C, T], 1 where measured.
            types: int64 [N].

        Returns:
            Level logits [N, 4], fault logits [N, 9], and [N, 1]: 1 where it speaks. Silent, with logits of zero, is a
            node of a type without a discriminant, or one that lacks more than MOST_MISSING of its signals.
        """
        absent = (mask.mean(2) < LEAST_MEASURED).to(cycle.dtype)
        lacking = absent @ self.needed.T
        usable = (types.unsqueeze(1) == self.kind).to(cycle.dtype) * (lacking < 0.5).to(cycle.dtype)
        worth = usable * (1.0 + self.needed.sum(1))
        best = worth.argmax(1)
        speaks = usable.amax(1).unsqueeze(1)
        # Weights of hundreds cancel each other to scores of a few: in float32 two engines would differ by over 1e-4.
        whole = self._filled(cycle, mask).flatten(1).double()
        scores = (whole @ self.weight.double()).view(-1, self.kind.shape[0], LEVELS)
        scores = (scores + self.bias).gather(1, best.view(-1, 1, 1).expand(-1, 1, LEVELS)).squeeze(1).to(cycle.dtype)
        level = torch.stack([torch.logsumexp(scores[:, k + 1 :], 1) - scores[:, k] for k in range(LEVEL_LOGITS)], dim=1)
        level = speaks * level.clamp(_IMPOSSIBLE, -_IMPOSSIBLE)
        return level, level[:, :1] * self.fault.index_select(0, best), speaks

    def _filled(self, cycle: Tensor, mask: Tensor) -> Tensor:
        """Put into gaps what the signal deviates by on either side of them, at their place in the cycle.

        Large weights of opposite sign stand side by side: nothing in a gap would upset their balance. On the rig with a
        gap in every signal of every window the accumulator's macro-F1 falls from .97 to .92, and with the usual value
        of the place in the gap to .5.
        """
        around = (cycle * mask) @ self.nearness / (mask @ self.nearness).clamp(min=torch.finfo(torch.float32).tiny)
        return cycle * mask + around * (1 - mask)


@dataclass(frozen=True, slots=True)
class _Row:
    weight: Float64Array
    bias: Float64Array
    needed: BoolArray
    kind: int
    fault: BoolArray


def _float32(values: npt.ArrayLike) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))


def _signal_sets(cycle: Float32Array, present: BoolArray) -> Iterator[BoolArray]:
    """The channels that are there, then those less up to MOST_MISSING signals; a signal may lie on several channels."""
    signals: dict[bytes, list[int]] = {}
    for channel in np.flatnonzero(present).tolist():
        signals.setdefault(cycle[:, channel].tobytes(), []).append(channel)
    for missing in range(min(MOST_MISSING, len(signals) - 1) + 1):
        for lost in combinations(signals.values(), missing):
            rest = present.copy()
            rest[[channel for channels in lost for channel in channels]] = False
            yield rest


def _fit(cycle: Float64Array, present: BoolArray, level: Int64Array) -> Fold:
    """The discriminant of labelled cycles [n, C, T] over the channels that are present."""
    windows, channels, tokens = cycle.shape
    used = cycle[:, present]
    centred = used - used.mean(2, keepdims=True)
    views = np.concatenate([used, centred], 1).reshape(windows, -1)
    mean, spread = views.mean(0), views.std(0)
    spread = np.where(spread > _SMALLEST_SPREAD, spread, np.inf)
    standard = (views - mean) / spread
    found, number = np.unique(level, return_inverse=True)
    within = standard - np.stack([standard[level == one].mean(0) for one in found])[number]
    scatter = within.T @ within / windows
    ridge = SHRINKAGE * np.trace(scatter) / len(scatter)
    covariance = standard.T @ (level - level.mean()) / windows
    direction = np.linalg.solve((1 - SHRINKAGE) * scatter + ridge * np.eye(len(scatter)), covariance)
    score = standard @ direction
    score_of_level = np.array([score[level == one].mean() for one in found])
    weight = np.outer(direction, score_of_level)
    bias = -0.5 * score_of_level**2
    scale = TYPICAL_MARGIN / max(_median_margin(standard @ weight + bias, number), 1e-6)

    on_views = scale * weight / spread[:, None]
    raw_part, centred_part = on_views.reshape(2, -1, tokens, len(found))
    on_used = raw_part + centred_part - centred_part.mean(1, keepdims=True)
    folded = np.zeros((channels, tokens, LEVELS))
    folded[np.ix_(present, np.arange(tokens), found)] = on_used
    full_bias = np.full(LEVELS, -np.inf)
    full_bias[found] = scale * bias - mean @ on_views
    return Fold(folded.reshape(channels * tokens, LEVELS), full_bias)


def _median_margin(scores: Float64Array, truth: Int64Array) -> float:
    """By how much the true level's score leads the best other one's, at the median."""
    rows = np.arange(len(scores))
    own = scores[rows, truth]
    others = scores.copy()
    others[rows, truth] = -np.inf
    return float(np.median(own - others.max(1)))
