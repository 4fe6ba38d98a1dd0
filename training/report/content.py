"""What a report says of what was measured: tables, plots, and in words where the model is beaten or misses its aim."""

from collections.abc import Sequence

from training.baselines.contenders import CLOCK, MAJORITY
from training.calibrate import COVERAGE
from training.measure_protocol import ORDER
from training.model_answers import DISCRIMINANT, MODEL, NETWORK
from training.protocol_kinds import Control, SensorDropout
from training.protocol_report import AblationReport, ConditionReport, ProtocolReport, Score
from training.report import plots
from training.report.document import Block, Cell, Document, Figure, Paragraph, Section, Table
from training.report.measured import Measured

AIM_ECE = 0.03
AIM_COVERAGE = (0.88, 0.92)
OWN = (MODEL, NETWORK, DISCRIMINANT)
_TIE = 5e-4
"""Figures are shown to three digits: what differs by less is the same."""

INFLATED = (
    "Inflated: the split is random, so near copies of every tested window were trained on. "
    "The clock shows what that alone is worth. No figure of this section says how good a model is."
)


def report_content(measured: Measured) -> Document:
    """The whole report of a run."""
    return Document(
        "Evaluation",
        (
            *((_overview(measured.protocols),) if measured.protocols else ()),
            *(_protocol_section(report) for report in measured.protocols),
            *(_ablation_section(report) for report in measured.ablations),
        ),
    )


def _overview(reports: Sequence[ProtocolReport]) -> Section:
    rows = []
    for report in reports:
        if isinstance(report.protocol, Control):
            continue
        for condition, item in report.conditions.items():
            simple = _best_simple(item)
            best = max(score.value for score in item.macro_f1.values())
            name = f"{report.name} (inflated)" if report.inflated else report.name
            rows.append(
                (
                    Cell(f"{name}: {condition}"),
                    *(_score_cell(item.macro_f1.get(one), best) for one in (MODEL, NETWORK)),
                    Cell("–" if simple is None else simple),
                    _score_cell(None if simple is None else item.macro_f1[simple], best),
                    *(_score_cell(item.macro_f1.get(one), best) for one in (CLOCK, MAJORITY)),
                    Cell(_aim(report.protocol.aims.get(condition), item.macro_f1[MODEL].value)),
                )
            )
    head = ("macro-F1", MODEL, NETWORK, "best simple model", "its score", CLOCK, MAJORITY, "aim")
    return Section(
        "At a glance",
        (
            Paragraph(
                "Every figure is of windows that the model had not seen, nor any of their group, but for the random "
                "split. In brackets stands the 95 % bootstrap interval, drawn by whole groups. The best of a row is "
                "marked. The best simple model was picked by these very figures, which flatters it."
            ),
            Table(head, tuple(rows)),
            *(Paragraph(text) for text in _beaten(reports)),
        ),
    )


def _protocol_section(report: ProtocolReport) -> Section:
    blocks: list[Block] = [Paragraph(report.protocol.description)] if report.protocol.description else []
    if report.inflated:
        blocks.append(Paragraph(INFLATED, warning=True))
    blocks.append(Paragraph(_setting(report)))
    if isinstance(report.protocol, Control):
        blocks += _control_blocks(report, report.protocol)
    else:
        blocks += [_scores(report), _figure(report, "scores", plots.contender_bars(report), "Macro-F1 with intervals")]
    if isinstance(report.protocol, SensorDropout):
        blocks += _dropout_blocks(report, report.protocol)
    blocks += [
        _calibration(report),
        _figure(
            report,
            "confusion",
            plots.confusion_and_reliability(report),
            "The model's confusion matrices, and beneath how often it is right when it is so sure",
        ),
        _figure(report, "health", plots.health_over_cycles(report), "Labelled health and the model's, over the cycles"),
    ]
    return Section(report.name, tuple(blocks))


def _setting(report: ProtocolReport) -> str:
    groups = f"{report.groups} group{'s' * (report.groups != 1)} by {', '.join(report.grouped_by)}"
    bounds = (
        "so there is no interval"
        if report.groups == 1
        else "so the intervals are drawn from few groups and can't say much"
        if report.groups < 6
        else "by which the intervals are drawn"
    )
    parts = "" if report.network else " The network was not trained: the model is the discriminant alone."
    return (
        f"{report.windows} windows in {report.folds} fold{'s' * (report.folds != 1)}, {len(report.seeds)} "
        f"seed{'s' * (len(report.seeds) != 1)}; {groups}, {bounds}.{parts}"
    )


def _scores(report: ProtocolReport) -> Table:
    rows = []
    for name in ORDER:
        if any(name in item.macro_f1 for item in report.conditions.values()):
            cells = []
            for item in report.conditions.values():
                best = max(score.value for score in item.macro_f1.values())
                cells.append(_score_cell(item.macro_f1.get(name), best))
            rows.append((Cell(name), *cells))
    aims = [report.protocol.aims.get(condition) for condition in report.conditions]
    if any(aim is not None for aim in aims):
        rows.append((Cell("aim"), *(Cell("–" if aim is None else f"≥ {aim:.2f}") for aim in aims)))
    return Table(("macro-F1", *report.conditions), tuple(rows))


def _calibration(report: ProtocolReport) -> Table:
    low, high = AIM_COVERAGE
    head = (
        "model",
        "accuracy",
        "balanced accuracy",
        f"ECE (aim ≤ {AIM_ECE:.2f})",
        f"coverage of {COVERAGE:.0%} sets (aim {low:.0%} to {high:.0%})",
        "mean set size",
        "abstained",
        "macro-F1 by seed",
    )
    rows = [
        (
            Cell(condition),
            Cell(f"{item.metrics['accuracy']:.3f}"),
            Cell(f"{item.metrics['balanced_accuracy']:.3f}"),
            *(Cell(str(item.intervals[name])) for name in ("ece", "coverage_90", "mean_set_size")),
            Cell(f"{item.metrics['abstained']:.3f}"),
            Cell("{:.3f} to {:.3f}".format(*item.seeds[MODEL])),
        )
        for condition, item in report.conditions.items()
    ]
    return Table(head, tuple(rows))


def _control_blocks(report: ProtocolReport, protocol: Control) -> list[Block]:
    (item,) = report.conditions.values()
    head = ("windows called", *(" or ".join(map(str, share.labels)) for share in protocol.shares))
    rows = [(Cell(name), *(Cell(f"{value:.1%}") for value in called)) for name, called in item.called.items()]
    aims = [f"≥ {share.least:.0%}" if share.least else f"≤ {share.most:.0%}" for share in protocol.shares]
    return [Table(head, (*rows, (Cell("aim"), *map(Cell, aims))))]


def _dropout_blocks(report: ProtocolReport, protocol: SensorDropout) -> list[Block]:
    blocks: list[Block] = []
    for missing, most in sorted(protocol.most_lost.items()):
        rows = []
        for name in ORDER:
            found = [item.missing[missing].lost.get(name) for item in report.conditions.values()]
            if any(found):
                rows.append((Cell(name), *(Cell("–" if score is None else str(score)) for score in found)))
        head = f"macro-F1 lost with {missing} sensor{'s' * (missing != 1)} missing"
        aim = (Cell("aim"), *(Cell(f"≤ {most:.2f}") for _ in report.conditions))
        blocks.append(Table((head, *report.conditions), (*rows, aim)))
    return blocks


def _ablation_section(report: AblationReport) -> Section:
    blocks: list[Block] = [
        Paragraph(
            "The same folds and seeds with one thing changed. In brackets stands what that changes macro-F1 by, with "
            "its interval; an interval that holds 0 means that nothing was shown. Where the network counts little "
            "beside the discriminant, only the network alone shows what a part of it is worth."
        ),
        Table(
            ("ablation", "what is changed"),
            tuple((Cell(name), Cell(text)) for name, text in report.descriptions.items()),
            prose=True,
        ),
    ]
    for contender in (NETWORK, MODEL):
        conditions = {name: item for name, item in report.conditions.items() if item.get(contender)}
        if not conditions:
            continue
        rows = [(Cell("as it is"), *(Cell(str(report.as_it_is[name][contender])) for name in conditions))]
        for ablation in report.descriptions:
            cells = []
            for item in conditions.values():
                found = item[contender].get(ablation)
                cells.append(
                    Cell("–" if found is None else f"{found.macro_f1.value:.3f} ({_signed(found.difference)})")
                )
            rows.append((Cell(ablation), *cells))
        blocks += [
            Table((f"{contender}: macro-F1", *conditions), tuple(rows)),
            Figure(
                f"ablations-{report.name}-{contender.split(maxsplit=1)[0]}",
                f"What each ablation changes the macro-F1 of the {contender} by",
                plots.ablation_bars(report, contender),
            ),
        ]
    return Section(f"Ablations under {report.name}", tuple(blocks))


def _beaten(reports: Sequence[ProtocolReport]) -> list[str]:
    """Where a simple model scores higher, and where an aim is missed, in words."""
    found = []
    for report in reports:
        for condition, item in report.conditions.items():
            simple, own = _best_simple(item), item.macro_f1[MODEL].value
            where = f"{report.name}, {condition}"
            if simple is not None and not report.inflated and item.macro_f1[simple].value > own + _TIE:
                by = item.macro_f1[simple].value - own
                found.append(f"A simple model is better at {where}: {simple} by {by:.3f}.")
            aim = report.protocol.aims.get(condition)
            if aim is not None and own < aim - _TIE:
                found.append(f"The aim of {aim:.2f} is missed at {where}: {own:.3f}.")
    return found


def _best_simple(item: ConditionReport) -> str | None:
    simple = {name: score.value for name, score in item.macro_f1.items() if name not in (*OWN, CLOCK, MAJORITY)}
    return max(simple, key=lambda name: simple[name]) if simple else None


def _score_cell(score: Score | None, best: float) -> Cell:
    return Cell("–") if score is None else Cell(str(score), best=score.value >= best - _TIE)


def _signed(score: Score) -> str:
    if score.low is None or score.high is None:
        return f"{score.value:+.3f}"
    return f"{score.value:+.3f} [{score.low:+.3f}, {score.high:+.3f}]"


def _aim(aim: float | None, value: float) -> str:
    if aim is None:
        return "–"
    return f"{aim:.2f}, {'met' if value >= aim - _TIE else 'missed'}"


def _figure(report: ProtocolReport, kind: str, svg: bytes, caption: str) -> Figure:
    return Figure(f"{report.name}-{kind}", f"{report.name}: {caption[0].lower()}{caption[1:]}", svg)
