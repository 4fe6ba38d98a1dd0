"""The model card: what a bundle is for, what it was trained on, how good it was measured to be, where it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_runtime.machine import Machine
from edge_runtime.manifest import ConditionCalibration, LevelCalibration, TrainingData
from gnn.model import ModelConfig
from training.baselines.contenders import CLOCK, CYCLE_LDA, LDA, MAJORITY
from training.model_answers import DISCRIMINANT, MODEL, NETWORK
from training.protocol_report import ProtocolReport


@dataclass(frozen=True, slots=True)
class CardFacts:
    """Everything that a card tells.

    Attributes:
        healthy: number of training windows whose sensors count as healthy.
        unsaid: number of those in which not every condition is labelled.
        parameters: number of trained weights.
        epochs: that the shipped network was trained for.
        network_weight: by condition, what the network's word counts beside the discriminant's.
        command: that makes this bundle again, with placeholder paths.
    """

    name: str
    version: str
    machine: Machine
    training: TrainingData
    config: ModelConfig
    healthy: int
    unsaid: int
    parameters: int
    epochs: int
    network_weight: Mapping[str, float]
    calibration: dict[str, ConditionCalibration]
    reports: tuple[ProtocolReport, ...]
    command: str


def model_card(facts: CardFacts) -> str:
    """The card as Markdown; every figure in it was measured by the run that wrote it."""
    machine, training, config = facts.machine, facts.training, facts.config
    calibration = _table(
        ("condition", "levels, healthy to failed", "signals missing", "temperature", "lapse", "conformal threshold"),
        [
            (name, ", ".join(item.labels), str(missing), *_sureness(item.for_missing(missing)))
            for name, item in facts.calibration.items()
            for missing in range(1 + len(item.lacking))
        ],
    )
    reports = "\n\n".join(_report(report) for report in facts.reports)
    weights = ", ".join(f"{condition} {weight:g}" for condition, weight in facts.network_weight.items())
    return f"""# Model card: {facts.name} {facts.version}

Diagnoses {", ".join(facts.calibration)} of machine `{machine.name}` ({machine.description}) from windows of its
signals: for each a level from healthy to failed, with calibrated probabilities and a set of levels that aims to hold
the true one in 90 % of windows.

## Training data

{training.description}

{training.windows} windows that the labels mark as stable, from the recording `{training.recording}` (SHA-256 of its
signals `{training.sha256}`), seed {training.seed}.
Windows that are not marked stable were neither trained nor measured on.

Healthy is what no label speaks against: {facts.healthy} windows, from which come the sensors' healthy values that a
diagnosis shows as expected. {_unsaid(facts)}

## Model

`UniversalTemporalGNN`, {facts.parameters:,} weights, {facts.epochs} epochs: {config.encoder.upper()} encoder of width
{config.width}, {config.edge_layers} layers of edge-conditioned attention, ARMA block {_on(config.arma)}, cross-task
attention {_on(config.cross_task)}, linear discriminants on each node's own work cycle {_on(config.discriminant)}. The
input statistics are part of the network.

Discriminants look at the signals, and as much of the cycle, as told the level under conditions held out inside the
training windows; several that did so equally well are averaged. A part of a cycle that left its programme counts as
missing. The network's logits count beside theirs with a weight that groups which neither had seen proved: {weights}.
Where no discriminant can do without what is missing, the network speaks alone.

## Measured

Each figure is of networks that did not see the windows' groups in training; their early stopping and their calibration
used other groups of the training side. Behind each macro-F1 stands its 95 % bootstrap interval, drawn by whole groups
that were held out.
Beside the model stand

- its two parts, each alone: the network and the discriminant,
- the majority class of the training side,
- the clock: the label of the nearest training window in time, no sensor seen,
- {LDA}: the 60 best classic-34 features and a shrinkage linear discriminant; {CYCLE_LDA}: the same on the cycles
  themselves.

{reports}

## Calibration shipped

Temperature, lapse rate and conformal threshold come from cross-fitted networks, on windows of groups that each had not
seen, for each number of the component's own signals that are missing; the network shipped was then trained on all.

{calibration}

## Limits

- One machine, one duty cycle, faults that were set and didn't grow. For another machine it has to be trained, or at
  least calibrated, again.
- Windows begin at whole multiples of their length since 1970, in training as on a box. A machine whose work cycle then
  begins at another place of the window than in training is unlike it, and gets no answer.
- Far outside of the ranges and courses that the signals had in training it is silent, and nearer it is less sure
  (`novelty.npz`). It can't know faults that leave all signals within them.
- The 90 % sets keep their promise on states like those they were calibrated on. The coverage measured above, on groups
  not seen, says how far that carries.
- Settings that somebody chose by looking at the figures above flatter them. Only a recording that nobody worked with
  is a blind test.
- The figures are of windows that the labels mark as stable. A box diagnoses the others as well.
- A condition whose levels were each recorded in one stretch of time can't be told from time itself, by whatever
  protocol. On the ZeMA rig that is the cooler.

## Make it again

```sh
{facts.command}
```

The same versions (constraints.txt) and kind of processor give the same network; others may differ in the last digits.
"""


def _unsaid(facts: CardFacts) -> str:
    if not facts.unsaid:
        return "In each of them every condition is labelled as healthy."
    return (
        f"In {facts.unsaid} of them not every condition is labelled: that those were healthy is an assumption, as good "
        "as the reports of faults are complete."
    )


def _report(report: ProtocolReport) -> str:
    names = (MODEL, NETWORK, DISCRIMINANT, MAJORITY, CLOCK, LDA, CYCLE_LDA)
    scores = _table(
        ("macro-F1", *names),
        [
            (condition, *(str(item.macro_f1.get(name, "–")) for name in names))
            for condition, item in report.conditions.items()
        ],
    )
    figures = ("accuracy", "balanced_accuracy", "ece", "coverage_90", "mean_set_size")
    rest = _table(
        ("model", *(figure.replace("_", " ") for figure in figures)),
        [
            (condition, *(f"{item.metrics[figure]:.3f}" for figure in figures))
            for condition, item in report.conditions.items()
        ],
    )
    return (
        f"### {report.name}\n\n{report.protocol.description} {report.windows} windows, {report.groups} groups, "
        f"{report.folds} folds.\n\n{scores}\n\n{rest}"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _sureness(level: LevelCalibration) -> tuple[str, ...]:
    return f"{level.temperature:.2f}", f"{level.lapse:.3f}", f"{level.conformal_threshold:.3f}"


def _on(flag: bool) -> str:
    return "on" if flag else "off"
