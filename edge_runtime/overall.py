"""One health for the whole machine."""

import math
from collections.abc import Sequence

SOFTNESS = 0.1


def overall_health(healths: Sequence[float], criticalities: Sequence[float]) -> float | None:
    """Soft minimum of component healths, weighted by criticality.

    h = −τ · ln( Σ w_i · exp(−h_i / τ) / Σ w_i ), the "mellowmax" of K. Asadi and M. L. Littman ("An Alternative Softmax
    Operator for Reinforcement Learning", ICML 2017) with weights and for the minimum, τ = 0.1. It lies between the
    smallest health and the weighted mean, near the former: one failed part is not averaged away by many sound ones. It
    never rises when a component gets worse, and is h when all are h.

    Args:
        healths: 0–1, of the components that were judged.
        criticalities: above 0 to 1, in the same order.

    Returns:
        0–1, or None when no component was judged.
    """
    if not healths:
        return None
    worst = min(healths)
    pairs = zip(healths, criticalities, strict=True)
    weighted = sum(weight * math.exp((worst - health) / SOFTNESS) for health, weight in pairs)
    return min(1.0, worst - SOFTNESS * math.log(weighted / sum(criticalities)))
