"""Conditions: what is known to go wrong with components, in levels."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from edge_runtime.machine.part import MachinePart, Name
from edge_runtime.vocabulary import FaultMode, Ne107State


def _no_truth_value(label: object) -> object:
    if isinstance(label, bool):
        what = f"is {label} to YAML, which reads yes, no, on and off so: write it in quotes"
        raise ValueError(what)  # noqa: TRY004 - what pydantic takes for a fault of the value
    return label


Label = Annotated[int | str, BeforeValidator(_no_truth_value)]


class Level(MachinePart):
    """One degree of a condition: the value that labels use, its health (1 = as new) and NE 107 state."""

    label: Label
    health: Annotated[float, Field(ge=0, le=1)]
    state: Ne107State


class Condition(MachinePart):
    """What labels say of one component: levels in order from healthy to failed."""

    name: Name
    component: Name
    fault: FaultMode
    levels: Annotated[tuple[Level, ...], Field(min_length=2, max_length=5)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        labels = [str(level.label) for level in self.levels]
        if len(set(labels)) != len(labels):
            msg = f"levels of condition {self.name!r} repeat a label: {labels}"
            raise ValueError(msg)
        healths = [level.health for level in self.levels]
        if any(later >= earlier for earlier, later in pairwise(healths)):
            msg = f"levels of condition {self.name!r} must go from healthy to failed, health falls from {healths}"
            raise ValueError(msg)
        return self

    def level_of(self, label: object) -> int:
        """Index of the level whose label this is (compared as text).

        Raises:
            KeyError: no level has that label.
        """
        for index, level in enumerate(self.levels):
            if str(level.label) == str(label):
                return index
        raise KeyError(label)
