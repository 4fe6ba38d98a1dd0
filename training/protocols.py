"""Run evaluation protocols and ablations: plan the trials, have them run, measure the answers."""

from collections.abc import Iterable, Mapping, Sequence

from training.answers import Answers, Asked
from training.baselines.contenders import ALL_CONTENDERS
from training.config import TrainingConfig
from training.cross_fit import TrainingWindows
from training.intervals import interval, macro_f1_of
from training.measure_protocol import Answered, measure_ablation, measure_protocol
from training.model_answers import MODEL, NETWORK, ModelAnswers, calibrated_answers
from training.protocol_kinds import HoldOut, Protocol, SensorDropout, WithoutSensors
from training.protocol_report import AblationReport, ProtocolReport, Score
from training.run_trials import Found, Progress, Resources, run_trials, silently
from training.splits import Split, find_protocol, split_windows
from training.trials import BASELINES, Trial

ALL = "all"


def choose_protocols(config: TrainingConfig, names: Sequence[str]) -> tuple[str, ...]:
    """The protocols named, each once; `all` names all of the training file.

    Raises:
        TrainingError: there is no such protocol.
    """
    chosen = dict.fromkeys(one for name in names for one in (config.protocols if name == ALL else (name,)))
    for name in chosen:
        find_protocol(config, name)
    return tuple(chosen)


def run_protocols(
    names: Sequence[str],
    data: TrainingWindows,
    config: TrainingConfig,
    *,
    seeds: Sequence[int],
    resources: Resources,
    network: bool = True,
    contenders: tuple[str, ...] = ALL_CONTENDERS,
    report: Progress = silently,
) -> tuple[ProtocolReport, ...]:
    """Run protocols of the training file, with simple models on the same folds.

    Args:
        names: of the protocols.
        data: the windows.
        config: training file.
        seeds: everything is repeated under each.
        resources: where answers are kept, how many processes.
        network: train the network; without, the discriminant stands alone.
        contenders: names of the simple models.
        report: called with the number of trials done, and of all.

    Raises:
        TrainingError: there is no such protocol, or the windows don't have what it holds out.
    """
    splits = _Splits(data, config)
    trials = [
        trial
        for who in (MODEL, BASELINES)
        for seed in seeds
        for split in dict.fromkeys(splits.of(name, seed) for name in names)
        for trial in fold_trials(split, seed, who, network=network, contenders=contenders)
    ]
    found = run_trials(trials, data, config, resources, report)
    reports = []
    for name in names:
        protocol, split = config.protocols[name], splits.of(name, seeds[0])
        by_seed = {
            seed: _answers(data, (one for trial, one in found.items() if trial.split is splits.of(name, seed)), network)
            for seed in seeds
        }
        reports.append(
            measure_protocol(
                name,
                protocol,
                Answered(data.windows, split.groups, by_seed),
                folds=len(split.folds),
                grouped_by=_grouped_by(config, protocol),
                missing=_missing(protocol),
                network=network,
            )
        )
    return tuple(reports)


def run_ablations(
    name: str,
    ablations: Sequence[str],
    data: TrainingWindows,
    config: TrainingConfig,
    *,
    seeds: Sequence[int],
    resources: Resources,
    report: Progress = silently,
) -> AblationReport:
    """Run a protocol with each ablation of the training file, beside the model as it is.

    Args:
        name: of the protocol.
        ablations: their names.
        data: the windows.
        config: training file.
        seeds: everything is repeated under each.
        resources: where answers are kept, how many processes.
        report: called with the number of trials done, and of all.

    Raises:
        ConfigurationError: there is no such ablation.
        TrainingError: there is no such protocol, or the windows don't have what it holds out.
    """
    splits = _Splits(data, config)
    trials = [
        trial
        for who in (MODEL, *ablations)
        for seed in seeds
        for trial in fold_trials(splits.of(name, seed), seed, who)
    ]
    found = run_trials(trials, data, config, resources, report)
    split = splits.of(name, seeds[0])

    def answered(who: str) -> Answered:
        by_seed = {
            seed: _answers(data, (one for trial, one in found.items() if (trial.who, trial.seed) == (who, seed)))
            for seed in seeds
        }
        return Answered(data.windows, split.groups, by_seed)

    as_it_is, ablated = answered(MODEL), {who: answered(who) for who in ablations}
    wanted = config.protocols[name].conditions
    conditions = [one for one in data.windows.machine.conditions if not wanted or one.name in wanted]
    scores: dict[str, dict[str, Score]] = {}
    for condition in conditions:
        confusions = {
            part: as_it_is.confusion(Asked(condition.name, part), len(condition.levels)) for part in (MODEL, NETWORK)
        }
        scores[condition.name] = {part: Score.of(interval(one, macro_f1_of)) for part, one in confusions.items()}
    return AblationReport(
        name=name,
        descriptions={who: config.ablations[who].description for who in ablations},
        seeds=tuple(seeds),
        groups=as_it_is.group_count,
        folds=len(split.folds),
        as_it_is=scores,
        conditions={
            condition.name: {
                part: {who: measure_ablation(condition, part, as_it_is, one) for who, one in ablated.items()}
                for part in (MODEL, NETWORK)
            }
            for condition in conditions
        },
    )


def report_cross_fit(
    split: Split, found: Mapping[Trial, Found], data: TrainingWindows, config: TrainingConfig
) -> ProtocolReport:
    """Measure the models that were cross-fitted for calibration as a protocol of their own.

    Args:
        split: their folds.
        found: what they and the simple models said, under one seed.
        data: the windows.
        config: training file.
    """
    (seed,) = {trial.seed for trial in found}
    protocol = HoldOut(
        description="Groups in folds; the shipped calibration comes from these models.",
        hold_out=config.group_by,
        folds=len(split.folds),
    )
    return measure_protocol(
        split.name,
        protocol,
        Answered(data.windows, split.groups, {seed: _answers(data, found.values())}),
        folds=len(split.folds),
        grouped_by=config.group_by,
    )


def fold_trials(
    split: Split, seed: int, who: str, *, network: bool = True, contenders: tuple[str, ...] = ALL_CONTENDERS
) -> list[Trial]:
    """A trial for each fold of a split."""
    return [Trial(split, number, seed, who, network, contenders) for number in range(len(split.folds))]


class _Splits:
    """Splits by protocol and seed, each made once; protocols that share folds share the split."""

    def __init__(self, data: TrainingWindows, config: TrainingConfig) -> None:
        self._data = data
        self._config = config
        self._made: dict[tuple[str, int], Split] = {}

    def of(self, name: str, seed: int) -> Split:
        protocol = find_protocol(self._config, name)
        key = (protocol.split if isinstance(protocol, SensorDropout) else name, seed)
        if key not in self._made:
            self._made[key] = split_windows(key[0], self._config, self._data.windows, seed)
        return self._made[key]


def _answers(data: TrainingWindows, found: Iterable[Found], network: bool = True) -> list[Answers]:
    """Answers of all contenders to the folds of one split under one seed."""
    found = tuple(found)
    models = [one for one in found if isinstance(one, ModelAnswers)]
    simple = [one for one in found if isinstance(one, Answers)]
    return [*calibrated_answers(data, models, network=network), *simple]


def _missing(protocol: Protocol) -> tuple[int, ...]:
    return tuple(sorted(protocol.most_lost)) if isinstance(protocol, SensorDropout) else ()


def _grouped_by(config: TrainingConfig, protocol: Protocol) -> tuple[str, ...]:
    """Label columns that the groups of a protocol are made of."""
    if isinstance(protocol, SensorDropout | WithoutSensors):
        protocol = find_protocol(config, protocol.split)
    return protocol.hold_out if isinstance(protocol, HoldOut) else config.group_by
