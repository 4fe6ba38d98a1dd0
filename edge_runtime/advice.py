"""What to do about a fault: rules in a file, tried in order, the first that fits counts.

`advice.yaml` beside this module has a rule for everything that can be; it says how rules are written. An operator's own
file of the same form goes before it, and may hold as few rules as are to differ.
"""

from functools import cache
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge_runtime.diagnosis import Due, SeverityClass
from edge_runtime.fault_table import is_possible
from edge_runtime.machine import MisfitError
from edge_runtime.vocabulary import ComponentType, FaultMode, Ne107State
from edge_runtime.yaml_file import load_yaml

SHIPPED = Path(__file__).with_name("advice.yaml")

Sentence = Annotated[str, Field(min_length=10, max_length=300, pattern=r"\.$")]
Situation = tuple[ComponentType, FaultMode | None, SeverityClass, Ne107State]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AdviceRule(_Frozen):
    """One rule. What it doesn't restrict fits any; without `fault` it fits also what no fault is named for."""

    fault: Annotated[FaultMode | None, Field(description="The likeliest fault of the component.")] = None
    components: Annotated[tuple[ComponentType, ...], Field(description="Types of component.")] = ()
    severities: Annotated[tuple[SeverityClass, ...], Field(description="Graded extents of damage.")] = ()
    states: Annotated[tuple[Ne107State, ...], Field(description="NE 107 states.")] = ()
    action: Annotated[Sentence, Field(description="What to do, a sentence.")]
    check: Annotated[Sentence, Field(description="What would confirm the suspicion before, a sentence.")]
    due: Annotated[Due | None, Field(description="By when; without it as severity and state say.")] = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for number, kind in enumerate(self.components):
            if self.fault and not is_possible(kind, self.fault):
                raise MisfitError(f"no {kind} can have {self.fault}: leave it out", "components", number)
        return self

    def fits(self, situation: Situation) -> bool:
        """Whether it is about this."""
        kind, fault, severity, state = situation
        return (
            self.fault in {None, fault}
            and (not self.components or kind in self.components)
            and (not self.severities or severity in self.severities)
            and (not self.states or state in self.states)
        )


class AdviceBook(_Frozen):
    """A whole file. `due_by_severity` and `due_by_state` hold for rules that don't say by when: the sooner counts."""

    schema_version: Literal[1]
    due_by_severity: dict[SeverityClass, Due] = {}
    due_by_state: dict[Ne107State, Due] = {}
    rules: Annotated[tuple[AdviceRule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _every_rule_is_reached(self) -> Self:
        left = set(situations())
        for number, rule in enumerate(self.rules):
            here = {situation for situation in left if rule.fits(situation)}
            if not here:
                raise MisfitError("is never reached: rules before it fit wherever it does", "rules", number)
            left -= here
        return self

    def rule_for(self, situation: Situation) -> AdviceRule:
        """The first rule that fits.

        Raises:
            LookupError: none does; it never happens to what `load_advice` gives.
        """
        for rule in self.rules:
            if rule.fits(situation):
                return rule
        raise LookupError(f"no advice for {situation}")

    def due(self, rule: AdviceRule, severity: SeverityClass, state: Ne107State) -> Due:
        """By when the action of a rule is due."""
        usual = (self.due_by_severity.get(severity), self.due_by_state.get(state))
        return rule.due or min((due for due in usual if due), key=tuple(Due).index, default=Due.NEXT_SERVICE)

    def before(self, other: "AdviceBook") -> "AdviceBook":
        """Its rules, and where none fits the other's."""
        return AdviceBook.model_construct(
            schema_version=self.schema_version,
            due_by_severity={**other.due_by_severity, **self.due_by_severity},
            due_by_state={**other.due_by_state, **self.due_by_state},
            rules=self.rules + other.rules,
        )


def situations() -> tuple[Situation, ...]:
    """Everything that advice may be asked for: faults that a type of component can have, or none."""
    return tuple(
        (kind, fault, severity, state)
        for kind, fault, severity, state in product(ComponentType, (*FaultMode, None), SeverityClass, Ne107State)
        if fault is None or is_possible(kind, fault)
    )


@cache
def shipped_advice() -> AdviceBook:
    """The rules that come with Hydrosight."""
    return load_yaml(SHIPPED, AdviceBook)


def load_advice(path: Path | None) -> AdviceBook:
    """The operator's own rules, before those that come with Hydrosight; without a file these alone.

    Raises:
        ConfigurationError: the file is missing or wrong; says where and what would be right.
    """
    return load_yaml(path, AdviceBook).before(shipped_advice()) if path else shipped_advice()
