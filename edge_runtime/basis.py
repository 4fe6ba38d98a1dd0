"""What a component is judged by, or why it is not.

A component is judged when the machine file has a condition for it, the model was trained on that condition with the
same levels in the same order, and enough of its data is there. Otherwise it abstains, and its NE 107 state says which
silence it is (NAMUR NE 107: "check function" is an output that is for the time being not valid):

    no condition in the machine file    normal: nobody asked for a diagnosis, and no diagnostic message stands
    a condition, but no model for it    check function: what was asked for is not watched
    not enough data in this window      check function
    signals unlike any in training      out of specification: the machine runs where the model knows nothing
"""

from collections.abc import Mapping
from dataclasses import dataclass

from edge_runtime.evidence import sensors_of
from edge_runtime.machine import Component, Condition, Machine
from edge_runtime.manifest import ConditionCalibration, Manifest
from edge_runtime.novelty import Novelty
from edge_runtime.vocabulary import Ne107State
from edge_runtime.window import Window

# Below half of its samples a window mean can be anybody's guess; the same half as for a single token of a sequence.
LEAST_OWN_DATA = 0.5
LEAST_MACHINE_DATA = 0.5


@dataclass(frozen=True, slots=True)
class Basis:
    """What a component is judged by; `novelty` is None when the model can't tell."""

    condition: Condition
    calibration: ConditionCalibration
    novelty: Novelty | None


@dataclass(frozen=True, slots=True)
class Silence:
    """Why a component is not judged; `novelty` is there when that is the reason."""

    state: Ne107State
    reason: str
    novelty: Novelty | None = None


def basis_of(
    machine: Machine, model: Manifest, component: Component, window: Window, novelty: Mapping[str, Novelty]
) -> Basis | Silence:
    """What a component is judged by in a window, or why it is not.

    Args:
        machine: whose component it is.
        model: which conditions it was trained on.
        component: one of the machine's.
        window: with the values of stuck sensors made gaps.
        novelty: of the window, by condition.
    """
    condition = machine.condition_of(component.name)
    if condition is None:
        return Silence(Ne107State.NORMAL, "the machine file has no condition for this component")
    if unfit := unfit_for(condition, model):
        return Silence(Ne107State.CHECK_FUNCTION, unfit)
    if lack := _lack_of_data(machine, component, window):
        return Silence(Ne107State.CHECK_FUNCTION, lack)
    seen = novelty.get(condition.name)
    if seen and seen.far:
        return Silence(
            Ne107State.OUT_OF_SPECIFICATION,
            f"unlike anything that model {model.name} {model.version} was trained on: {seen.words}",
            seen,
        )
    return Basis(condition, model.conditions[condition.name], seen)


def unfit_for(condition: Condition, model: Manifest) -> str | None:
    """Why a model can't judge a condition of a machine file, whatever its signals; None when it can."""
    calibration = model.conditions.get(condition.name)
    if calibration is None:
        return f"model {model.name} {model.version} was not trained on condition {condition.name!r}"
    ours = tuple(str(level.label) for level in condition.levels)
    if calibration.labels != ours:
        return (
            f"condition {condition.name!r} has the levels {', '.join(ours)} in the machine file, "
            f"model {model.name} {model.version} was trained on {', '.join(calibration.labels)}"
        )
    return None


def _lack_of_data(machine: Machine, component: Component, window: Window) -> str | None:
    channels = [window.channels[machine.sensor_index[own.name]] for own in sensors_of(machine, component.name)]
    share = sum(channel.completeness for channel in channels) / len(channels) if channels else 1.0
    if share < LEAST_OWN_DATA:
        poor = [channel.sensor for channel in channels if channel.completeness < LEAST_OWN_DATA]
        return (
            f"only {share:.0%} of the data of its sensors is there, {LEAST_OWN_DATA:.0%} is needed; "
            f"check {', '.join(poor)}"
        )
    if window.completeness < LEAST_MACHINE_DATA:
        return f"only {window.completeness:.0%} of the machine's data is there, {LEAST_MACHINE_DATA:.0%} is needed"
    return None
