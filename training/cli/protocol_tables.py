"""Tables of measured protocols for a terminal: a row a contender, a column a condition."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from training.protocol_kinds import Control

if TYPE_CHECKING:
    from training.protocol_report import AblationReport, ProtocolReport

_INTERVAL_WIDTH = len("[0.000–1.000]")
"""On a narrow terminal intervals stand below their scores, unbroken."""


def protocol_table(report: "ProtocolReport") -> Table:
    """Macro-F1 of the model, its parts and every simple model; the best of a column is bold."""
    inflated = "\n[red]inflated: near copies of the tested windows were trained on[/]" if report.inflated else ""
    table = Table(
        title=f"{escape(report.name)}: macro-F1 [95 % interval over groups]{inflated}\n"
        f"{report.windows} windows, {report.groups} groups, {report.folds} folds, {_seeds(report.seeds)}",
        box=box.SIMPLE_HEAD,
        title_justify="left",
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("", no_wrap=True)
    for condition in report.conditions:
        table.add_column(condition, justify="right", min_width=_INTERVAL_WIDTH)
    for share in report.protocol.shares if isinstance(report.protocol, Control) else ():
        table.add_column(f"called {' or '.join(map(str, share.labels))}", justify="right", no_wrap=True)
    names = dict.fromkeys(name for item in report.conditions.values() for name in item.macro_f1)
    for name in names:
        cells = []
        for item in report.conditions.values():
            score = item.macro_f1.get(name)
            text = "–" if score is None else escape(str(score).replace(", ", "–"))
            best = max(one.value for one in item.macro_f1.values())
            cells.append(f"[bold]{text}[/]" if score is not None and score.value >= best - 5e-4 else text)
        for item in report.conditions.values():
            cells += [f"{share:.1%}" for share in item.called.get(name, ())]
        table.add_row(name, *cells)
    return table


def ablation_table(report: "AblationReport") -> Table:
    """Macro-F1 of the network alone and of the whole model, with each part taken out or put in."""
    table = Table(
        title=f"{escape(report.name)}: macro-F1 and what an ablation changes it by\n"
        f"{report.folds} folds, {_seeds(report.seeds)}",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    table.add_column("", no_wrap=True)
    columns = [(condition, who) for condition, item in report.as_it_is.items() for who in item]
    for condition, who in columns:
        table.add_column(f"{condition}\n{who}", justify="right", no_wrap=True)
    table.add_row("as it is", *(f"{report.as_it_is[condition][who].value:.3f}" for condition, who in columns))
    for ablation in report.descriptions:
        cells = []
        for condition, who in columns:
            found = report.conditions[condition][who].get(ablation)
            cells.append("–" if found is None else f"{found.macro_f1.value:.3f} ({found.difference.value:+.3f})")
        table.add_row(ablation, *cells)
    return table


def _seeds(seeds: Sequence[int]) -> str:
    return "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds"
