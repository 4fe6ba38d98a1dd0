"""Which signals, and how much of a cycle, to tell a component's level by: those that carry over to other conditions.

A signal that helps on the conditions seen may fail on others: oil that is 10 K hotter moves a flow by more than a
fault does. So every choice of signals is judged on conditions it has not seen: of each environment (the levels of
another component) one value at a time is left out, and what counts is how likely the held-out windows' true levels are,
at the environment's own best sharpness (after J. Peters, P. Bühlmann, N. Meinshausen, "Causal inference by using
invariant prediction", JRSS B 78, 2016: what holds in all environments is what to build on). All of it happens inside
the windows given, which are a training fold.

A choice also says how many parts of the cycle it needs. Of those that suffice with what a window has the best speaks,
together with its peers: those that the held-out windows can't tell from it. Without a signal, or with a cycle that left
its programme halfway, others take over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from edge_runtime.graph import Float32Array, Int64Array
from gnn.ordinal_direction import Float64Array, LevelSums, both_views, fit_direction, in_metric
from gnn.programme import PARTS

SHRINKAGES = (1e-3, 1e-4)
"""λ to choose from. Less than 1e-4 gains little on whole windows and makes gaps costly (ADR 24)."""

ALL_SETS = 7
"""Up to so many signals every set of them is tried; of more, only small sets and those that lack few."""

FEW = 2
NEARLY_AS_GOOD = 0.02
"""Nats of log-loss that aren't worth telling choices apart by."""

LEAST_TELLING = 0.9
"""A choice that leaves more than this of a guess's uncertainty about windows not seen isn't worth hearing."""

_LOG_SHARPNESS = np.linspace(-4.0, 2.0, 13)
_LARGEST_LOSS = 10.0

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a discriminant looks at.

    Attributes:
        channels: bool [C].
        parts: of the cycle, from its start.
        shrinkage: λ.
        sharpness: what scores have to be multiplied by to be as sure as they are right on conditions not seen.
    """

    channels: BoolArray
    parts: int
    shrinkage: float
    sharpness: float

    def suffices(self, usable: Float32Array) -> BoolArray:
        """Which windows have all it needs, bool [n], of usable parts [n, C, PARTS]."""
        enough: BoolArray = usable[:, self.channels, : self.parts].min((1, 2)) > 0
        return enough


@dataclass(frozen=True, slots=True)
class Ranking:
    """Choices, the best first, and which of them are as good as which: peers [K, K], true on the diagonal."""

    choices: tuple[Choice, ...]
    peers: BoolArray


def choose_signals(
    deviation: Float32Array, usable: Float32Array, level: Int64Array, environment: Int64Array
) -> Ranking:
    """Choices of signals and parts; none where nothing tells the level.

    Without environments to hold out, more signals and more of the cycle count as better.

    Args:
        deviation: [n, C, T], of labelled windows from their programme.
        usable: [n, C, PARTS].
        level: int64 [n].
        environment: int64 [n, E], numbers of the conditions that each window was recorded under; −1 = not known.
    """
    signals = _signals(deviation, usable)
    present = sorted(channel for channels in signals for channel in channels)
    # All are judged on the same windows, those that suffice for each.
    whole = (usable[:, present] > 0).all((1, 2))
    if not present or len(np.unique(level[whole])) < 2:
        return Ranking((), np.zeros((0, 0), np.bool_))
    sets = [tuple(sorted(sum((signals[one] for one in some), ()))) for some in _sets(len(signals))]
    folds = tuple(_held_out(environment[whole], level[whole]))
    judged = [
        _Judged(_choice(channels, parts, deviation.shape[1]), np.array([float(_simplicity(channels, parts, present))]))
        for channels in sets
        for parts in range(PARTS, 0, -1)
    ]
    if folds:
        judged = [
            one
            for parts in range(PARTS, 0, -1)
            for one in _judge(deviation[whole], level[whole], folds, _Scope(tuple(present), sets, parts))
        ]
        if not judged:
            return Ranking((), np.zeros((0, 0), np.bool_))
    judged.sort(key=lambda one: float(one.losses.mean()))
    kept = _needed(judged, sets)
    return Ranking(tuple(judged[one].choice for one in kept), _peers([judged[one] for one in kept]))


@dataclass(frozen=True, slots=True)
class _Judged:
    """A choice and its mean loss on each fold held out, [F]."""

    choice: Choice
    losses: Float64Array


@dataclass(frozen=True, slots=True)
class _Scope:
    """What is tried at once: sets of the channels present, over so many parts of the cycle."""

    present: tuple[int, ...]
    sets: Sequence[tuple[int, ...]]
    parts: int


def _signals(deviation: Float32Array, usable: Float32Array) -> list[tuple[int, ...]]:
    """Channels of each signal that most windows have whole; a signal may lie on several channels."""
    present = np.flatnonzero((usable.min(2) > 0).mean(0) > 0.5)
    signals: dict[bytes, list[int]] = {}
    for channel in present.tolist():
        signals.setdefault(deviation[:, channel].tobytes(), []).append(channel)
    return [tuple(channels) for channels in signals.values()]


def _sets(signals: int) -> Iterator[tuple[int, ...]]:
    for size in range(1, signals + 1):
        if signals <= ALL_SETS or size <= FEW or size >= signals - FEW:
            yield from combinations(range(signals), size)


def _choice(
    channels: tuple[int, ...], parts: int, width: int, shrinkage: float = SHRINKAGES[-1], sharpness: float = 1.0
) -> Choice:
    flags = np.zeros(width, np.bool_)
    flags[list(channels)] = True
    return Choice(flags, parts, shrinkage, sharpness)


def _simplicity(channels: tuple[int, ...], parts: int, present: Sequence[int]) -> int:
    """0 for all channels and the whole cycle, and higher the less it is."""
    return (len(present) - len(channels)) * PARTS + PARTS - parts


def _held_out(environment: Int64Array, level: Int64Array) -> Iterator[tuple[int, Int64Array]]:
    """Environment and windows to hold out: those of one value at a time whose levels the rest has too."""
    for number in range(environment.shape[1]):
        values = np.unique(environment[:, number])
        for value in values[values >= 0] if len(values) > 1 else ():
            test = environment[:, number] == value
            known = test & np.isin(level, level[~test])
            if len(np.unique(level[~test])) > 1 and known.any():
                yield number, np.flatnonzero(known)


def _judge(
    deviation: Float32Array, level: Int64Array, folds: Sequence[tuple[int, Int64Array]], scope: _Scope
) -> Iterator[_Judged]:
    """Each set of channels at its best shrinkage; those not worth hearing are left out."""
    tokens = deviation.shape[2] * scope.parts // PARTS
    cycle = deviation[:, scope.present, :tokens].astype(np.float64)
    seen = in_metric(cycle, both_views(cycle))
    levels = int(level.max()) + 1
    sums = LevelSums.of(seen, level, levels)
    rest = [sums - LevelSums.of(seen[test], level[test], levels) for _, test in folds]
    guess = float(np.log(len(np.unique(level))))
    place = np.arange(len(scope.present) * tokens).reshape(-1, tokens)
    for channels in scope.sets:
        columns = np.concatenate([place[scope.present.index(channel)] for channel in channels])
        blocks = [training.block(columns) for training in rest]
        tested = [seen[np.ix_(test, columns)] for _, test in folds]
        best: _Judged | None = None
        for shrinkage in SHRINKAGES:
            scores = [fit_direction(block, shrinkage).scores(own) for block, own in zip(blocks, tested, strict=True)]
            losses, sharpness = _losses(scores, level, folds)
            if best is None or losses.mean() < best.losses.mean():
                best = _Judged(_choice(channels, scope.parts, deviation.shape[1], shrinkage, sharpness), losses)
        if best is not None and best.losses.mean() < LEAST_TELLING * guess:
            yield best


def _losses(
    scores: Sequence[Float64Array], level: Int64Array, folds: Sequence[tuple[int, Int64Array]]
) -> tuple[Float64Array, float]:
    """Log-loss of each fold, levels alike, at its environment's best sharpness; and the mean of these sharpnesses."""
    truth = np.concatenate([level[test] for _, test in folds])
    weight = 1 / np.bincount(level)[truth]
    joined = np.concatenate(scores).T
    lead = joined - joined[truth, np.arange(len(truth))]
    loss = np.stack([_log_loss(lead, float(np.exp(log))) * weight for log in _LOG_SHARPNESS])
    starts = np.cumsum([0, *(len(test) for _, test in folds[:-1])])
    of_fold = np.add.reduceat(loss, starts, axis=1) / np.add.reduceat(weight, starts)
    environment = np.array([number for number, _ in folds])
    best = {number: int(of_fold[:, environment == number].mean(1).argmin()) for number in set(environment.tolist())}
    losses = np.array([of_fold[best[number], fold] for fold, number in enumerate(environment.tolist())])
    return losses, float(np.exp(np.mean([min(_LOG_SHARPNESS[one], 0.0) for one in best.values()])))


def _log_loss(lead: Float64Array, sharpness: float) -> Float64Array:
    """Of each window, for what each level's score leads the true one's by, [L, n]; −inf for levels never seen."""
    loss: Float64Array = np.log(np.exp(np.minimum(sharpness * lead, _LARGEST_LOSS)).sum(0))
    return loss


def _peers(judged: Sequence[_Judged]) -> BoolArray:
    """Whose losses lie within a standard error of whose, over folds, or within NEARLY_AS_GOOD."""
    losses = np.array([one.losses for one in judged])
    excess = losses[None] - losses[:, None]
    folds = losses.shape[1]
    error = excess.std(2, ddof=1) / np.sqrt(folds) if folds > 1 else np.zeros(excess.shape[:2])
    peers: BoolArray = excess.mean(2) <= np.maximum(error, NEARLY_AS_GOOD)
    return peers


def _needed(ranked: Sequence[_Judged], sets: Sequence[tuple[int, ...]]) -> list[int]:
    """Ranks of those that speak for some set of signals that are there and some part of the cycle."""
    peers = _peers(ranked)
    channels = np.array([one.choice.channels for one in ranked])
    parts = np.array([one.choice.parts for one in ranked])
    speaks = np.zeros(len(ranked), np.bool_)
    for there in sets:
        missing = np.ones(channels.shape[1], np.bool_)
        missing[list(there)] = False
        enough = ~(channels & missing).any(1)
        for measured in range(1, PARTS + 1):
            able = enough & (parts <= measured)
            if able.any():
                speaks |= able & peers[int(able.argmax())]
    return np.flatnonzero(speaks).tolist()
