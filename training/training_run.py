"""A whole training run: cross-fit, measure, calibrate, fit on everything, build the bundle."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from statistics import median_low

import numpy as np
import torch
from pydantic import RootModel

from edge_runtime.bundle import Bundle
from edge_runtime.errors import ConfigurationError
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine
from edge_runtime.manifest import ConditionCalibration, TrainingData
from edge_runtime.recording import Recording
from edge_runtime.window import Window
from training.baselines.contenders import QUICK_CONTENDERS
from training.build_bundle import BundleParts, build_bundle, healthy_baseline, spread
from training.calibrate import calibrate
from training.checkpoint import save_network
from training.conditioning import conditioned, healthy_windows
from training.config import TrainingConfig
from training.cross_fit import TrainingWindows
from training.data_problems import class_problems, refuse_errors
from training.dataset import IN_THIS_PROCESS, UNLABELLED, build_examples, labelled_windows, level_counts
from training.fitting import CPU, Device, FittedNetwork, fit_network
from training.folds import group_folds
from training.graph_making import GraphMaking
from training.model_answers import MODEL, ModelAnswers, held_out_windows
from training.model_card import CardFacts, model_card
from training.protocol_report import ProtocolReport
from training.protocols import fold_trials, report_cross_fit, run_protocols
from training.run_trials import ANSWERS, FITS, Resources, run_trials
from training.sources.open_source import read_address
from training.splits import Split
from training.trained_region import fit_regions
from training.trials import BASELINES

BUNDLE = "bundle"
REPORT = "report.json"
CHECKPOINT = "model.ckpt"
CROSS_FIT = "cross-fit"
SHIPPED = "shipped"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to train, from what, into what.

    Attributes:
        machine: machine file.
        recording: address of signals and labels, such as a folder.
        golden: recording to take the golden windows from.
        output: folder of the run; gets `bundle/`, `model.ckpt`, `report.json`, and `answers/` and `fits/`,
            from which an interrupted run goes on.
        version, release: of the bundle.
        created: when, with its zone.
        command: that makes the same again, for the model card.
        resume: go on with the fits that an interrupted run left; otherwise they are all done anew.
        making: cache and processes by which graphs are made.
    """

    machine: Path
    recording: str
    golden: str
    output: Path
    config: TrainingConfig
    seed: int
    version: str
    release: int
    created: datetime
    command: str
    resume: bool = False
    making: GraphMaking = IN_THIS_PROCESS


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came out."""

    bundle: Bundle
    reports: tuple[ProtocolReport, ...]


@dataclass(frozen=True, slots=True)
class _Measured:
    """What networks said of windows that they were not trained on.

    Attributes:
        reports: by protocol, the cross-fit last.
        answers: of each fold of the cross-fit.
        calibration: by condition, from those.
    """

    reports: tuple[ProtocolReport, ...]
    answers: tuple[ModelAnswers, ...]
    calibration: dict[str, ConditionCalibration]


def load_training_windows(
    machine_file: Path,
    recording: Recording,
    config: TrainingConfig,
    seed: int,
    making: GraphMaking = IN_THIS_PROCESS,
) -> TrainingWindows:
    """Cut the recording's stable label rows into windows and build their graphs.

    Raises:
        ConfigurationError: the machine file is wrong.
        TrainingError: the labels don't fit the machine or the training file.
    """
    machine = load_machine(machine_file)
    windows = labelled_windows(machine, recording)
    refuse_errors(class_problems(machine, recording))
    groups = windows.groups(config.group_by)
    examples = build_examples(
        windows,
        sensor_drop=config.fit.sensor_drop,
        sensor_faults=config.fit.sensor_faults,
        seed=seed,
        augment=config.augment,
        making=making,
    )
    return TrainingWindows(windows, examples, groups)


def run_training(
    request: RunRequest, *, device: Device = CPU, report: Callable[[str], None] = lambda _: None
) -> RunResult:
    """Train, measure, calibrate and bundle.

    The calibration comes from networks that did not see the group they speak of; the one that is shipped is trained
    on all windows for as many epochs as those took at the median.

    Raises:
        HydrosightError: of what kind and why says its message; the output folder then holds no new bundle.
    """
    if not request.resume and (request.output / BUNDLE).exists():
        raise ConfigurationError(
            f"{request.output}: there is the bundle of a run that ended", hint="Choose another --output, or delete it."
        )
    config = request.config
    recording = read_address(request.recording, load_machine(request.machine), report)
    report("cutting windows")
    data = load_training_windows(request.machine, recording, config, request.seed, request.making)
    training = TrainingData(
        recording=recording.path.name,
        sha256=recording.sha256,
        windows=len(data.windows),
        seed=request.seed,
        description=config.description,
    )
    golden = _read_golden(request, data.windows.machine)
    baseline = healthy_baseline(data.windows)

    if not request.resume:
        _forget_fits(request.output)
    measured = _measure(request, data, Resources(request.output, device=device), report)
    report("fitting the network to ship on all windows")
    network = _fit_on_all(request, data, measured.answers, device)
    report("building the bundle")
    first = data.windows.items[0].window
    parts = BundleParts(
        name=config.name,
        version=request.version,
        release=request.release,
        created=request.created,
        minimum_agent_version=installed_version("hydrosight"),
        window_s=(first.end_us - first.start_us) / 1e6,
        model=network.model,
        golden=golden,
        calibration=measured.calibration,
        baseline=baseline,
        regions=fit_regions(data.windows, data.groups),
        training=training,
        metrics={item.name: item.figures for item in measured.reports},
        card=model_card(_card_facts(request, data, training, measured, network)),
    )
    request.output.mkdir(parents=True, exist_ok=True)
    bundle = build_bundle(parts, request.machine, request.output / BUNDLE)
    save_network(network.model, network.epochs, request.output / CHECKPOINT)
    document = RootModel[tuple[ProtocolReport, ...]](measured.reports).model_dump_json(indent=2)
    (request.output / REPORT).write_text(document + "\n", encoding="utf-8")
    return RunResult(bundle, measured.reports)


def _read_golden(request: RunRequest, machine: Machine) -> tuple[Window, ...]:
    """The windows that a box proves the bundle by."""
    recording = read_address(request.golden, machine)
    return spread([item.window for item in labelled_windows(machine, recording).items])


def _forget_fits(output: Path) -> None:
    """Take away what an earlier run left to go on from."""
    for folder in (ANSWERS, FITS):
        shutil.rmtree(output / folder, ignore_errors=True)


def _measure(
    request: RunRequest, data: TrainingWindows, resources: Resources, report: Callable[[str], None]
) -> _Measured:
    """Run the protocols that the training file reports, and cross-fit to calibrate."""
    config = request.config
    reports = run_protocols(
        config.reported,
        data,
        config,
        seeds=(request.seed,),
        resources=resources,
        contenders=QUICK_CONTENDERS,
        report=lambda done, total: report(f"protocols: {done} of {total} folds") if total else None,
    )
    split = Split(CROSS_FIT, group_folds(data.groups, config.calibration_folds), data.groups)
    trials = [
        trial
        for who in (MODEL, BASELINES)
        for trial in fold_trials(split, request.seed, who, contenders=QUICK_CONTENDERS)
    ]
    found = run_trials(
        trials, data, config, resources, lambda done, total: report(f"{CROSS_FIT}: {done} of {total} folds")
    )
    answers = tuple(one for one in found.values() if isinstance(one, ModelAnswers))
    return _Measured(
        reports=(*reports, report_cross_fit(split, found, data, config)),
        answers=answers,
        calibration=calibrate(data.windows.machine, held_out_windows(data, answers)),
    )


def _fit_on_all(
    request: RunRequest, data: TrainingWindows, answers: Sequence[ModelAnswers], device: Device
) -> FittedNetwork:
    """The network to ship: trained as long, and weighed as much, as the cross-fitted ones at the median."""
    config = request.config
    examples = data.examples
    if config.model.conditioning:
        examples = conditioned(data.windows, examples, np.arange(len(examples)))
    network = fit_network(
        config.model,
        config.fit,
        examples,
        (),
        level_counts(data.windows.machine),
        seed=request.seed,
        epochs=median_low(one.epochs for one in answers),
        device=device,
        keep=request.output / FITS / SHIPPED,
    )
    weights = np.median([one.network_weight for one in answers], axis=0).astype(np.float32)
    network.model.network_weight = torch.from_numpy(weights)
    return network


def _card_facts(
    request: RunRequest, data: TrainingWindows, training: TrainingData, measured: _Measured, network: FittedNetwork
) -> CardFacts:
    """What the model card tells of this run."""
    machine = data.windows.machine
    types = data.examples[0].sample.component_type
    healthy = healthy_windows(data.windows)
    levels = np.array([data.windows.levels(condition.name)[healthy] for condition in machine.conditions])
    return CardFacts(
        name=request.config.name,
        version=request.version,
        machine=machine,
        training=training,
        config=request.config.model,
        healthy=len(healthy),
        unsaid=int(np.any(levels == UNLABELLED, axis=0).sum()),
        parameters=sum(parameter.numel() for parameter in network.model.parameters()),
        epochs=network.epochs,
        network_weight={
            condition.name: float(network.model.network_weight[types[machine.component_index[condition.component]]])
            for condition in machine.conditions
        },
        calibration=measured.calibration,
        reports=measured.reports,
        command=request.command,
    )
