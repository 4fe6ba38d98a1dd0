"""A diagnosis: what a window says of each component. Its JSON form is the MQTT payload and the API's answer."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from edge_runtime.prognosis.trend import HealthTrend
from edge_runtime.sensor_check import SensorFault
from edge_runtime.vocabulary import ComponentType, FaultMode, Ne107State

Probability = Annotated[float, Field(ge=0, le=1)]


class SeverityClass(StrEnum):
    """Graded extent of damage, from the component's health: > .9 none, >= .7 minor, >= .5 moderate, < .5 severe."""

    NONE = "none"
    MINOR = "minor"
    MODERATE = "moderate"
    SEVERE = "severe"

    @classmethod
    def from_health(cls, health: float) -> "SeverityClass":
        """Class of a health in 0–1; .7 and .5 are the field's warning and critical thresholds."""
        if health > 0.9:
            return cls.NONE
        if health >= 0.7:
            return cls.MINOR
        return cls.MODERATE if health >= 0.5 else cls.SEVERE


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class BaselineOrigin(StrEnum):
    """Whose healthy state something is compared with."""

    MODEL = "model"
    """That of the machine that the model was trained on."""
    MACHINE = "machine"
    """This machine's own, learned at commissioning."""


class Evidence(_Frozen):
    """One sensor that speaks for the diagnosis: window mean against a healthy baseline.

    `deviation` is (seen − expected) in standard deviations of that baseline; `baseline` says whose it is.
    """

    sensor: str
    unit: str
    seen: float
    expected: float
    deviation: float
    baseline: BaselineOrigin = BaselineOrigin.MODEL


class ComponentDiagnosis(_Frozen):
    """What is said of one component. When `abstained`, health, level and severity are null and `reason` says why.

    Attributes:
        confidence: probability that `level` is right; less than the level's where `caution` says why.
        conformal_set: levels that can't be ruled out, nine times out of ten with the true one; all with a `caution`.
        novelty: how far outside of the model's training its signals are; 1 = the edge, None = the model can't tell.
        caution: what is unusual when they are outside and it is judged all the same.
        degradation_per_day: the median of the trend; None where there is none, or none that is significant.
        trend: where its health is heading, and how sure that is.
    """

    component: str
    type: ComponentType
    condition: str | None = None
    health: Probability | None = None
    level: str | None = None
    severity: SeverityClass | None = None
    level_probabilities: dict[str, Probability] = Field(default_factory=dict)
    fault_probabilities: dict[FaultMode, Probability] = Field(default_factory=dict)
    confidence: Probability | None = None
    conformal_set: tuple[str, ...] = ()
    novelty: Annotated[float, Field(ge=0)] | None = None
    caution: str | None = None
    degradation_per_day: float | None = None
    trend: HealthTrend | None = None
    evidence: tuple[Evidence, ...] = ()
    ne107: Ne107State
    abstained: bool = False
    reason: str | None = None


class Due(StrEnum):
    """By when something is to be done, soonest first."""

    AT_ONCE = "at_once"
    WITHIN_A_DAY = "within_a_day"
    WITHIN_A_WEEK = "within_a_week"
    NEXT_SERVICE = "next_service"


class Recommendation(_Frozen):
    """What to do about a component, most urgent first; `due` is null from boxes before 0.2."""

    component: str
    urgency: Ne107State
    due: Due | None = None
    action: str
    check: str


class ModelIdentity(_Frozen):
    """Which model made a diagnosis: `sha256` is the bundle's, over its manifest."""

    name: str
    version: str
    release: int
    sha256: str


class BaselineReference(_Frozen):
    """The machine's own baseline that a window was compared with.

    `regime` says what the machine was doing, `windows` how many healthy ones of that were learned; null and 0 when it
    was never seen healthy while it did this, so that nothing was compared.
    """

    version: int
    created: AwareDatetime
    regime: str | None
    windows: int


class Diagnosis(_Frozen):
    """One window's diagnosis of a whole machine. `baseline` is null on a machine that wasn't commissioned."""

    schema_version: int = 1
    machine: str
    window_start: AwareDatetime
    window_end: AwareDatetime
    overall_health: Probability | None
    components: tuple[ComponentDiagnosis, ...]
    recommendations: tuple[Recommendation, ...] = ()
    sensor_faults: tuple[SensorFault, ...] = ()
    completeness: Probability
    model: ModelIdentity
    baseline: BaselineReference | None = None
    inference_ms: float

    @property
    def healths(self) -> dict[str, float]:
        """Health of every component that was judged."""
        return {item.component: item.health for item in self.components if item.health is not None}

    def component(self, name: str) -> ComponentDiagnosis:
        """The part about one component.

        Raises:
            KeyError: the machine has no such component.
        """
        for item in self.components:
            if item.component == name:
                return item
        raise KeyError(name)
