"""Two versions of a model side by side, by what their machines sent; pure.

Windows of one machine are alike, so each machine counts as one draw and not each window: intervals are those of a ratio
of sums over machines (W. G. Cochran, Sampling Techniques, 3rd ed. 1977, sections 2.11 and 6.4).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from pydantic import BaseModel, ConfigDict

ENOUGH_MACHINES = 5
"""With fewer of them on a side, how much they differ among themselves can't be told, and no interval is given."""
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class MachineFigures:
    """What one version did on one machine.

    Attributes:
        days: time that its windows cover, days.
        judgements: components of all windows; `abstained` of them were not judged.
        confidence: sum over those that were.
        alerts: raised about the machine.
        labelled: judged components of which people said what they really were; `agreed` were judged right.
    """

    version: str
    machine: str
    windows: int
    days: float
    judgements: int
    abstained: int
    confidence: float
    alerts: int
    labelled: int
    agreed: int


class Estimate(BaseModel):
    """A figure over the machines of one version.

    Attributes:
        value: None where there is nothing to count.
        low, high: 95 % interval; None with fewer than ENOUGH_MACHINES, or where all machines say the same.
        count: how much it stands on, in what it is a share or a mean of.
        machines: how many of them it stands on.
    """

    model_config = ConfigDict(frozen=True)

    value: float | None
    low: float | None
    high: float | None
    count: float
    machines: int


class VersionFigures(BaseModel):
    """One version.

    Attributes:
        abstention: share of components that it didn't judge.
        confidence: mean of those that it did.
        alerts_per_day: alerts raised a machine and day.
        agreement: share of judged components for which people found the same level.
    """

    model_config = ConfigDict(frozen=True)

    version: str
    machines: int
    windows: int
    abstention: Estimate
    confidence: Estimate
    alerts_per_day: Estimate
    agreement: Estimate


FIGURES = ("abstention", "confidence", "alerts_per_day", "agreement")


def compared(figures: Sequence[MachineFigures]) -> list[VersionFigures]:
    """The versions, in their order."""
    by_version: dict[str, list[MachineFigures]] = {}
    for one in figures:
        by_version.setdefault(one.version, []).append(one)
    return [
        VersionFigures(
            version=version,
            machines=len(machines),
            windows=sum(one.windows for one in machines),
            abstention=_ratio(machines, lambda one: one.abstained, lambda one: one.judgements, most=1.0),
            confidence=_ratio(
                machines, lambda one: one.confidence, lambda one: one.judgements - one.abstained, most=1.0
            ),
            alerts_per_day=_ratio(machines, lambda one: one.alerts, lambda one: one.days),
            agreement=_ratio(machines, lambda one: one.agreed, lambda one: one.labelled, most=1.0),
        )
        for version, machines in sorted(by_version.items(), key=lambda item: _in_order(item[0]))
    ]


def verdict(name: str, one: VersionFigures, other: VersionFigures) -> str:
    """What can be said of a figure of two versions: in doubt, that nothing can.

    Intervals that don't overlap show a difference; that is stricter than a test at 5 %.
    """
    ours, theirs = getattr(one, name), getattr(other, name)
    for version, figure in ((one.version, ours), (other.version, theirs)):
        if figure.machines < ENOUGH_MACHINES:
            return f"can't be told: {figure.machines} machines of {version}, {ENOUGH_MACHINES} are needed"
        if figure.low is None:
            return f"can't be told: all machines of {version} say the same"
    if ours.high < theirs.low or theirs.high < ours.low:
        return f"{'lower' if ours.high < theirs.low else 'higher'} with {one.version}"
    return "no difference shown"


def _in_order(version: str) -> tuple[list[int], str]:
    """1.9.0 before 1.10.0. Boxes say which version they run, so it may be anything; such come first."""
    parts = version.split(".")
    return ([int(part) for part in parts] if all(part.isdecimal() for part in parts) else [], version)


def _ratio(
    machines: Sequence[MachineFigures],
    part: Callable[[MachineFigures], float],
    whole: Callable[[MachineFigures], float],
    most: float = math.inf,
) -> Estimate:
    counted = [(part(one), whole(one)) for one in machines if whole(one) > 0]
    total, m = sum(size for _, size in counted), len(counted)
    if not counted:
        return Estimate(value=None, low=None, high=None, count=0, machines=0)
    value = sum(amount for amount, _ in counted) / total
    spread = sum((amount - value * size) ** 2 for amount, size in counted)
    if m < ENOUGH_MACHINES or math.isclose(spread, 0.0, abs_tol=1e-12):
        return Estimate(value=value, low=None, high=None, count=total, machines=m)
    half = _t(m - 1) * math.sqrt(m / (m - 1) * spread) / total
    return Estimate(value=value, low=max(value - half, 0.0), high=min(value + half, most), count=total, machines=m)


def _t(freedom: int) -> float:
    """97.5 % quantile of Student's t (Abramowitz and Stegun 1964, 26.7.5), to 0.3 % from 4 degrees of freedom on."""
    z = _Z
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )
