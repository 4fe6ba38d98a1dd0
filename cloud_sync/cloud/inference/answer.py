"""What the centre answers about a stored window: the diagnosis, what of it is wrong, and what it was made without."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from cloud_sync.cloud.inference.job import Job
from edge_runtime.diagnosis import Diagnosis, Probability, SeverityClass
from edge_runtime.machine import Machine
from edge_runtime.vocabulary import FaultMode, Ne107State


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Anomaly(_Frozen):
    """A component that was judged and isn't normal; `fault` is the likeliest one, null where the model names none."""

    component: str
    state: Ne107State
    health: Probability | None
    severity: SeverityClass | None
    fault: FaultMode | None
    probability: Probability | None


class LackKind(StrEnum):
    """Something that the box has and the centre hasn't."""

    BASELINE = "baseline"
    """The machine's own healthy baseline, learned on the box."""
    HISTORY = "history"
    """Health before this window, and so trends and remaining life."""
    DOUBTS = "doubts"
    """For which reasons readings weren't good."""
    SENSOR = "sensor"
    """Any value of a sensor in this window."""


class Lack(_Frozen):
    """What a diagnosis was made without; the message says what differs for it."""

    kind: LackKind
    message: str


class InferenceAnswer(_Frozen):
    """The answer about one window.

    `diagnosis` holds health, evidence and recommendations, the model and the milliseconds that it took.
    """

    diagnosis: Diagnosis
    anomalies: tuple[Anomaly, ...]
    lacks: tuple[Lack, ...]


class RangeProblem(_Frozen):
    """Why a window has no answer; without machine and window, why the range ends here."""

    machine: str | None = None
    window_start: datetime | None = None
    detail: str
    hint: str


class RangeDone(_Frozen):
    """The range was done whole: so many windows, of which so many have no answer."""

    windows: int
    failed: int


class RangeLine(_Frozen):
    """One line about a range; it has one of these."""

    answer: InferenceAnswer | None = None
    problem: RangeProblem | None = None
    done: RangeDone | None = None

    def encoded(self) -> bytes:
        """The line, as JSON."""
        return self.model_dump_json(exclude_none=True).encode() + b"\n"


def answer_of(diagnosis: Diagnosis, job: Job, machine: Machine) -> InferenceAnswer:
    """Put together what is said about the window of a job."""
    return InferenceAnswer(diagnosis=diagnosis, anomalies=_anomalies(diagnosis), lacks=_lacks(job, machine))


def _anomalies(diagnosis: Diagnosis) -> tuple[Anomaly, ...]:
    found = []
    for item in diagnosis.components:
        if not item.abstained and item.ne107 is not Ne107State.NORMAL:
            faults = item.fault_probabilities
            fault = max(faults, key=lambda one: faults[one], default=None)
            found.append(
                Anomaly(
                    component=item.component,
                    state=item.ne107,
                    health=item.health,
                    severity=item.severity,
                    fault=fault,
                    probability=None if fault is None else faults[fault],
                )
            )
    return tuple(found)


def _lacks(job: Job, machine: Machine) -> tuple[Lack, ...]:
    lacks = [
        Lack(kind=LackKind.HISTORY, message="no trend and no remaining life: one window is looked at"),
        Lack(kind=LackKind.DOUBTS, message="why readings weren't good isn't stored: sensor faults say less of it"),
    ]
    if job.box_baseline is None:
        message = "the box's diagnosis of this window isn't here; if it has a baseline, the model's was used instead"
        lacks.append(Lack(kind=LackKind.BASELINE, message=message))
    elif job.box_baseline:
        message = f"the box compared it with the machine's own baseline {job.box_baseline}, here the model's was used"
        lacks.append(Lack(kind=LackKind.BASELINE, message=message))
    lacks.extend(
        Lack(kind=LackKind.SENSOR, message=f"{sensor.name}: no value in this window")
        for sensor in machine.sensors
        if sensor.name not in job.window.channels
    )
    return tuple(lacks)
