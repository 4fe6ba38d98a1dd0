"""The plots of a report, as SVG; the same figures give the same bytes."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from training.calibrate import COVERAGE
from training.protocol_report import AblationReport, ConditionReport, ProtocolReport, Score

MODEL_COLOUR, OTHER_COLOUR, TRUTH_COLOUR = "#1f6feb", "#8c959f", "#1b1f24"
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "hydrosight",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "path.simplify_threshold": 1.0,
}


def confusion_and_reliability(report: ProtocolReport) -> bytes:
    """For each condition the model's confusion matrix, and beneath it how often it is right when it is so sure."""
    count = len(report.conditions)
    with mpl.rc_context(_STYLE):
        canvas = _canvas(2.9 * count, 5.2)
        grid = canvas.subplots(2, count, squeeze=False, height_ratios=(1.2, 1))
        for column, (name, item) in enumerate(report.conditions.items()):
            _confusion(grid[0][column], name, item)
            _reliability(grid[1][column], item)
        return _svg(canvas)


def health_over_cycles(report: ProtocolReport) -> bytes:
    """For each condition the labelled health and the model's, over the tested windows in order of time."""
    count = len(report.conditions)
    with mpl.rc_context(_STYLE):
        canvas = _canvas(8.5, 1.5 * count + 0.4)
        grid = canvas.subplots(count, 1, squeeze=False, sharex=True)[:, 0]
        for axes, (name, item) in zip(grid, report.conditions.items(), strict=True):
            place = np.arange(len(item.health.window))
            axes.plot(place, item.health.said, ".", ms=1.5, color=MODEL_COLOUR, label="model", rasterized=True)
            axes.step(place, item.health.labelled, where="mid", lw=1, color=TRUTH_COLOUR, label="labelled")
            axes.set(ylim=(-0.05, 1.05), ylabel=f"{name}\nhealth", xlim=(0, len(place)))
        grid[0].legend(loc="lower left", ncols=2, frameon=False)
        grid[-1].set_xlabel("tested window, in order of time")
        return _svg(canvas)


def contender_bars(report: ProtocolReport) -> bytes:
    """For each condition macro-F1 of every contender with its interval."""
    names = list(next(iter(report.conditions.values())).macro_f1)
    with mpl.rc_context(_STYLE):
        canvas = _canvas(2.9 * len(report.conditions) + 1.2, 0.22 * len(names) + 1.0)
        grid = canvas.subplots(1, len(report.conditions), squeeze=False, sharey=True)[0]
        for axes, (condition, item) in zip(grid, report.conditions.items(), strict=True):
            present = [name for name in names if name in item.macro_f1]
            _bars(axes, present, [item.macro_f1[name] for name in present], highlighted=present[0])
            if (aim := report.protocol.aims.get(condition)) is not None:
                axes.axvline(aim, color=TRUTH_COLOUR, lw=0.8, ls="--")
            axes.set(title=condition, xlim=(0, 1.02), xlabel="macro-F1")
        return _svg(canvas)


def ablation_bars(report: AblationReport, contender: str) -> bytes:
    """For each condition what macro-F1 of a contender gains or loses by each ablation."""
    conditions = {name: item[contender] for name, item in report.conditions.items() if item.get(contender)}
    rows = max((len(item) for item in conditions.values()), default=1)
    with mpl.rc_context(_STYLE):
        canvas = _canvas(2.9 * max(len(conditions), 1) + 1.2, 0.25 * rows + 1.0)
        grid = canvas.subplots(1, max(len(conditions), 1), squeeze=False, sharey=True)[0]
        for axes, (condition, item) in zip(grid, conditions.items(), strict=False):
            _bars(axes, list(item), [score.difference for score in item.values()], highlighted=None)
            axes.axvline(0, color=TRUTH_COLOUR, lw=0.8)
            axes.set(title=condition, xlabel="change of macro-F1")
        return _svg(canvas)


def _confusion(axes: Any, name: str, item: ConditionReport) -> None:  # noqa: ANN401 - matplotlib is untyped, here and below
    counts = np.array(item.confusion, np.float64)
    shown = counts if counts[:, -1].any() else counts[:, :-1]
    labels = [*item.labels, "?"][: shown.shape[1]]
    share = shown / np.maximum(shown.sum(1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*share.shape):
        if share[row, column] >= 0.005:
            colour = "white" if share[row, column] > 0.5 else TRUTH_COLOUR
            axes.text(column, row, f"{share[row, column]:.2f}", ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(item.labels)), item.labels)
    axes.set(title=name, xlabel="said", ylabel="labelled")


def _reliability(axes: Any, item: ConditionReport) -> None:  # noqa: ANN401
    windows, confidence, right = np.array(item.reliability).reshape(-1, 3).T
    axes.plot((0, 1), (0, 1), color=OTHER_COLOUR, lw=0.8, ls="--")
    axes.scatter(confidence, right, s=4 + 120 * windows / max(windows.sum(), 1), color=MODEL_COLOUR, alpha=0.8)
    axes.plot(confidence, right, color=MODEL_COLOUR, lw=0.8)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.05), xlabel="confidence", ylabel="share right")
    axes.text(0.04, 0.92, f"ECE {item.metrics['ece']:.3f}", fontsize=8)
    axes.text(0.04, 0.81, f"{COVERAGE:.0%} sets cover {item.metrics['coverage_90']:.0%}", fontsize=8)


def _bars(axes: Any, names: Sequence[str], scores: Sequence[Score], highlighted: str | None) -> None:  # noqa: ANN401
    values = np.array([score.value for score in scores])
    error = np.array(
        [
            (0.0, 0.0)
            if score.low is None or score.high is None
            else (score.value - score.low, score.high - score.value)
            for score in scores
        ]
    ).T.clip(0)
    colours = [MODEL_COLOUR if highlighted in {name, None} else OTHER_COLOUR for name in names]
    axes.barh(names, values, xerr=error, color=colours, height=0.7, error_kw={"lw": 0.8, "ecolor": TRUTH_COLOUR})
    if not axes.yaxis_inverted():
        axes.invert_yaxis()


def _canvas(width: float, height: float) -> Any:  # noqa: ANN401
    """A figure of that many inches."""
    canvas = Canvas(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(canvas)
    return canvas


def _svg(canvas: Any) -> bytes:  # noqa: ANN401
    content = io.BytesIO()
    canvas.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()
