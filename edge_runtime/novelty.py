"""How unlike everything in training a window is, for each component that the model speaks of.

A model answers whatever it is shown. Its word counts where it has learnt: in the ranges that a component's signals had
in training, and near the courses that they had together. Novelty is the larger of

    range     by how much of a signal's trained range its mean or spread lies outside of it, over the margin allowed
    course    zᵀ Λ z / n, the squared Mahalanobis distance of the n known entries z of a fingerprint, over its limit

(P. C. Mahalanobis, 1936; as a test of novelty Lee et al. 2018, arXiv 1807.03888, there of a network's features). The
fingerprint of a signal is its means over tenths of the window, and its spread. Margin and limit hold 99 % of the
windows of groups that were held out, so 1 is the edge of what is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.machine import Machine
from edge_runtime.window import Window

PARTS = 10
ENTRIES = PARTS + 1
"""Of a signal's fingerprint: its means over equal parts of the window, then its standard deviation."""

FAR = 10.0
"""Novelty from which a model is not listened to. With the least margin, a tenth of the trained range, a signal is then
as far outside of that range as it is wide."""

Float64Array = npt.NDArray[np.float64]

_UNKNOWN = np.full(ENTRIES, np.nan)
_MEAN = np.full(PARTS, 1 / PARTS)


@dataclass(frozen=True, slots=True)
class Novelty:
    """How far outside of its training a model is asked.

    Attributes:
        amount: up to 1 inside, from FAR on beyond all reach.
        words: what is unusual, for people; empty inside.
    """

    amount: float
    words: str = ""

    @property
    def outside(self) -> bool:
        """Not among what the model was trained on."""
        return self.amount > 1.0

    @property
    def far(self) -> bool:
        """So far outside that the model's answer means nothing."""
        return self.amount >= FAR

    def discounted(self, confidence: float, levels: int) -> float:
        """The confidence that is left: all of it up to the edge, and a blind guess from FAR on."""
        share = min(1.0, max(0.0, (self.amount - 1.0) / (FAR - 1.0)))
        return (1.0 - share) * confidence + share / levels


@dataclass(frozen=True, slots=True)
class TrainedRegion:
    """Where the signals of one component were in training, k of them.

    Attributes:
        sensors: their names.
        low, high: float64 [k, 2], least and largest window mean and standard deviation.
        centre, scale: float64 [k · ENTRIES], mean and standard deviation of the fingerprint's entries.
        precision: float64 [k · ENTRIES, k · ENTRIES], Λ, the inverse of the covariance of the entries so scaled.
        margin: how far outside of a range is still inside, as a share of the range.
        limit: of the squared distance, what is still inside.
    """

    sensors: tuple[str, ...]
    low: Float64Array
    high: Float64Array
    centre: Float64Array
    scale: Float64Array
    precision: Float64Array
    margin: float
    limit: float

    def novelty(self, machine: Machine, fingerprints: Mapping[str, Float64Array]) -> Novelty:
        """Judge a window.

        Args:
            machine: for the sensors' units.
            fingerprints: by sensor, float64 [ENTRIES], NaN where unknown; a signal that isn't there says nothing.
        """
        seen = np.array([fingerprints.get(sensor, _UNKNOWN) for sensor in self.sensors])
        excess = self.range_excess(seen[None])[0] / self.margin
        worst = float(np.fmax.reduce(excess, axis=None, initial=0.0))
        amount = max(worst, float(self.distance(seen[None])[0]) / self.limit)
        if amount <= 1.0:
            return Novelty(amount)
        return Novelty(amount, self._range_words(machine, seen, excess) if worst > 1.0 else self._words(machine, seen))

    def range_excess(self, seen: Float64Array) -> Float64Array:
        """How far outside of its trained range each mean and spread is, as a share of the range.

        Args:
            seen: [n, k, ENTRIES].

        Returns:
            float64 [n, k, 2], 0 inside, NaN where unknown.
        """
        summary = _summary(seen)
        excess: Float64Array = np.maximum(np.maximum(self.low - summary, summary - self.high), 0.0)
        share: Float64Array = excess / (self.high - self.low)
        return share

    def distance(self, seen: Float64Array) -> Float64Array:
        """Squared Mahalanobis distance from the centre, for each known entry.

        Unknown entries u are put where they make the least of it, at −Λ_uu⁻¹ Λ_uk z_k, which is what the distance in
        the known entries alone is.

        Args:
            seen: [n, k, ENTRIES], the same entries known in all n.

        Returns:
            float64 [n], 0 where nothing is known.
        """
        z = (seen.reshape(len(seen), -1) - self.centre) / self.scale
        unknown = np.isnan(z[0])
        known = unknown.size - np.count_nonzero(unknown)
        if not known:
            return np.zeros(len(seen))
        if known < unknown.size:
            z[:, unknown] = self._most_usual(z, unknown)
        squares: Float64Array = ((z @ self.precision) * z).sum(axis=1) / known
        return squares

    def _most_usual(self, z: Float64Array, unknown: npt.NDArray[np.bool_]) -> Float64Array:
        """The mean of some entries given the others, [n, unknown]."""
        rows = self.precision[unknown]
        pull = rows[:, ~unknown] @ z[:, ~unknown].T
        return np.asarray(-np.linalg.solve(rows[:, unknown], pull).T, np.float64)

    def _range_words(self, machine: Machine, seen: Float64Array, excess: Float64Array) -> str:
        number, kind = np.unravel_index(np.nanargmax(excess), excess.shape)
        sensor = machine.sensor(self.sensors[number])
        value, low, high = (part[number, kind] for part in (_summary(seen[None])[0], self.low, self.high))
        varies = "varies by " if kind else ""
        return f"{sensor.name} {varies}{value:.4g} {sensor.unit}, trained on {low:.4g}–{high:.4g} {sensor.unit}"

    def _words(self, machine: Machine, seen: Float64Array) -> str:
        """Which signal goes with the others least: the one without which the rest is least unusual."""
        known = [number for number in range(len(self.sensors)) if np.isfinite(seen[number]).any()]
        without = []
        for number in known:
            rest = seen.copy()
            rest[number] = np.nan
            without.append(float(self.distance(rest[None])[0]))
        number = known[int(np.argmin(without))]
        expected = self._expected(seen, number)
        off = np.abs(seen[number] - expected) / self.scale.reshape(-1, ENTRIES)[number]
        part = int(np.nanargmax(off[:PARTS])) if np.isfinite(off[:PARTS]).any() else 0
        sensor = machine.sensor(self.sensors[number])
        return (
            f"{sensor.name} {seen[number, part]:.4g} {sensor.unit} in tenth {part + 1} of the window, where "
            f"{expected[part]:.4g} {sensor.unit} would go with its other signals"
        )

    def _expected(self, seen: Float64Array, number: int) -> Float64Array:
        """What the other signals of the component make of one, float64 [ENTRIES]: its mean given them."""
        own = np.zeros(seen.shape, np.bool_)
        own[number] = True
        unknown = (own | ~np.isfinite(seen)).ravel()
        z = ((seen.ravel() - self.centre) / self.scale)[None]
        z[:, unknown] = self._most_usual(z, unknown)
        expected: Float64Array = (self.centre + self.scale * z[0])[own.ravel()]
        return expected


def fingerprints(window: Window) -> dict[str, Float64Array]:
    """Of each channel, by sensor, float64 [ENTRIES]; NaN where the window has nothing."""
    signals = window.resampled
    there = np.isfinite(signals)
    values = np.where(there, signals, 0.0)
    counts = there.reshape(len(signals), PARTS, -1).sum(2)
    sums = values.reshape(len(signals), PARTS, -1).sum(2)
    entries = np.full((len(signals), ENTRIES), np.nan)
    np.divide(sums, counts, out=entries[:, :PARTS], where=counts > 0)
    whole = there.all(1)
    entries[whole, PARTS] = values[whole].std(1)
    return {channel.sensor: row for channel, row in zip(window.channels, entries, strict=True)}


def _summary(seen: Float64Array) -> Float64Array:
    """Mean and standard deviation of each signal, float64 [n, k, 2], from its fingerprint [n, k, ENTRIES]."""
    summary = seen[..., PARTS - 1 :].copy()
    summary[..., 0] = seen[..., :PARTS] @ _MEAN
    return summary
