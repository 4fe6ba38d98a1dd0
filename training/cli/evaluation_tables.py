"""An evaluation as tables for people."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from training.cli.output import console
from training.evaluate import Evaluation, Trust
from training.metrics import ConditionMetrics

_SUREST = (0.9, 0.5)

_SETS = "A 90 % set always holds the likeliest level, so it covers at least as much as the accuracy."
_NO_REGIONS = "This bundle doesn't say where signals were in training, so no window counts as outside of it."


def show_evaluation(result: Evaluation, bundle: Path) -> None:
    """Print how often a bundle is right, and whether it is as sure as that."""
    console.print(f"[bold]{bundle}[/] on {result.windows} windows", highlight=False, soft_wrap=True)
    _print(
        result,
        "Is it right",
        ("accuracy", "macro F1", "balanced", "outside", "abstained", "answered"),
        lambda found, trust: (
            found.accuracy,
            found.macro_f1,
            found.balanced_accuracy,
            trust.outside,
            found.abstained,
            trust.answered_accuracy,
        ),
    )
    _print(
        result,
        "Is it as sure as that",
        ("ECE", "coverage", "set size", *(f"surest {share:.0%}" for share in _SUREST)),
        lambda found, trust: (
            found.ece,
            found.coverage_90,
            found.mean_set_size,
            *(_among(trust, share) for share in _SUREST),
        ),
    )
    console.print(f"[dim]{_SETS}[/]", soft_wrap=True)
    if not result.knows_its_training:
        console.print(f"[dim]{_NO_REGIONS}[/]", soft_wrap=True)


def _print(
    result: Evaluation,
    title: str,
    columns: Sequence[str],
    values: Callable[[ConditionMetrics, Trust], Sequence[float | None]],
) -> None:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column("condition", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for condition, found in result.components.items():
        table.add_row(
            condition, *("–" if value is None else f"{value:.3f}" for value in values(found, result.trust[condition]))
        )
    console.print(table)


def _among(trust: Trust, share: float) -> float | None:
    """Accuracy of the surest windows, at least so many of them; None when fewer are answered."""
    enough = [point.accuracy for point in trust.risk_coverage if point.coverage >= share - 1e-9]
    return enough[-1] if enough else None
