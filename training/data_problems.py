"""What is wrong with a recording as training data, and what to do about it: each problem by place and remedy."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

import numpy as np

from edge_runtime.errors import TrainingError
from edge_runtime.machine import Machine, Sensor
from edge_runtime.reading import Float64Array
from edge_runtime.recording import LabelRow, LabelValue, Recording
from edge_runtime.unit_conversion import CONVERSIONS
from edge_runtime.utc import utc_datetime

_MOSTLY = 0.5
_FOOT = 0.1
_LABELS_HINT = (
    "Training and evaluation need labels.parquet, or labels.csv beside CSV files: "
    "start, end and a column per condition."
)


class Severity(StrEnum):
    """What a problem stops."""

    ERROR = "error"
    """Training, or what comes out of it would be wrong."""
    WARNING = "warning"
    """Nothing, but it should be looked at."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        severity: what it stops.
        where: the source and, where it is about one, the sensor or label row.
        what: is wrong.
        remedy: what to do.
    """

    severity: Severity
    where: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class _Rows:
    """Label rows by number, and how problems of them are said: the first of each kind, and how many are like it."""

    where: str
    rows: Mapping[int, LabelRow]

    def place(self, number: int) -> str:
        """What to call a row."""
        return self.rows[number].place or f"label row {number}"

    def problem(self, severity: Severity, numbers: Sequence[int], what: str, remedy: str) -> Problem:
        """The problem that all these rows have, at least one."""
        first = self.rows[numbers[0]]
        place = first.place or f"{self.where}: label row {numbers[0]}"
        like_it = f" (and {len(numbers) - 1} of the other rows)" if len(numbers) > 1 else ""
        return Problem(severity, f"{place} (from {_time(first.start_us)})", what + like_it, remedy)


def refuse_errors(problems: Iterable[Problem]) -> None:
    """Raise the first problem that is an error.

    Raises:
        TrainingError: there is one.
    """
    for problem in problems:
        if problem.severity is Severity.ERROR:
            raise TrainingError(f"{problem.where}: {problem.what}", hint=problem.remedy)


def label_problems(machine: Machine, recording: Recording, *, stable_only: bool = True) -> Iterator[Problem]:
    """What keeps label rows from becoming windows with targets."""
    where = str(recording.path)
    rows = {number: row for number, row in enumerate(recording.labels, 1) if row.stable or not stable_only}
    if not rows:
        kind = "stable " if recording.labels else ""
        yield Problem(Severity.ERROR, where, f"has no {kind}label rows", _LABELS_HINT)
        return
    conditions = {condition.name: condition for condition in machine.conditions}
    columns = dict.fromkeys(name for row in rows.values() for name in row.values)
    if not set(columns) & set(conditions):
        what = (
            f"no label column is named like a condition of machine {machine.name!r}: "
            f"{', '.join(conditions) or 'it has none'}; there are: {', '.join(sorted(columns)) or 'none'}"
        )
        remedy = "Name the conditions in the machine file as the label columns are named."
        yield Problem(Severity.ERROR, where, what, remedy)
        return
    yield from _column_problems(machine, where, columns)
    yield from _state_like_columns(machine, where, rows.values())
    labelled = _Rows(where, rows)
    if silent := [number for number, row in rows.items() if not set(row.values) & set(conditions)]:
        what = "says nothing of any condition, so it teaches nothing"
        remedy = "Label them, or leave them out: unlabelled windows count as healthy where a baseline is learned."
        yield labelled.problem(Severity.WARNING, silent, what, remedy)
    foreign: dict[tuple[str, LabelValue], list[int]] = {}
    for number, row in rows.items():
        for name, value in row.values.items():
            if name in conditions and str(value) not in [str(level.label) for level in conditions[name].levels]:
                foreign.setdefault((name, value), []).append(number)
    for (name, value), numbers in foreign.items():
        levels = ", ".join(str(level.label) for level in conditions[name].levels)
        what = f"{name} = {value!r} isn't a level of that condition, which has: {levels}"
        remedy = f"Add the level to machine {machine.name!r}, or mend the label."
        yield labelled.problem(Severity.ERROR, numbers, what, remedy)
    yield from _window_problems(machine, recording, labelled)


def class_problems(machine: Machine, recording: Recording) -> Iterator[Problem]:
    """What keeps a model from learning to tell levels apart."""
    rows = [row for row in recording.labels if row.stable]
    found = {
        condition.name: {str(row.values[condition.name]) for row in rows if condition.name in row.values}
        for condition in machine.conditions
    }
    learnable = [name for name, levels in found.items() if len(levels) > 1]
    for name, levels in found.items():
        if not levels:
            what, remedy = f"nothing is said of {name}", f"Label {name} too, or take it out of the machine file."
        elif len(levels) == 1:
            what = f"{name} is {next(iter(levels))!r} in all stable label rows: there is one class only"
            remedy = f"Record and label the machine with {name} at another level as well."
        else:
            continue
        yield Problem(Severity.WARNING if learnable else Severity.ERROR, str(recording.path), what, remedy)


def signal_problems(machine: Machine, recording: Recording) -> Iterator[Problem]:
    """What is strange about the signals of a recording of that machine."""
    where = str(recording.path)
    if recording.repeated:
        what = f"{recording.repeated} rows have the sensor and time of a later row, which was taken instead"
        remedy = "Find out which is right, and write the recording again without the other."
        yield Problem(Severity.WARNING, where, what, remedy)
    known = [name for name in recording.series if name in machine.sensor_index]
    for name in sorted(set(recording.series) - set(machine.sensor_index)):
        what = f"machine {machine.name!r} has no such sensor, so it is left out{_meant(name, machine.sensor_index)}"
        severity = Severity.WARNING if known else Severity.ERROR
        yield Problem(severity, f"{where}: {name}", what, "Add it to the machine file, or name it as there.")
    for sensor in machine.sensors:
        series = recording.series.get(sensor.name)
        at = f"{where}: {sensor.name}"
        if series is None:
            remedy = "A model will do without it, and a box's reading of it will not help: record it if you can."
            yield Problem(Severity.WARNING, at, "the machine has this sensor, the recording lacks it", remedy)
            continue
        values = series.values[np.isfinite(series.values)]
        if not len(values):
            yield Problem(Severity.WARNING, at, "has no value at all, only gaps", "Look at its wiring and its source.")
            continue
        outside = float(np.mean((values < sensor.valid_min) | (values > sensor.valid_max)))
        if outside:
            what = (
                f"{outside:.1%} of its values lie outside {sensor.valid_min:g} … {sensor.valid_max:g} {sensor.unit} "
                f"(median {np.median(values):.6g}) and become gaps"
            )
            fitting = _fitting_units(sensor, values) if outside > _MOSTLY else []
            yield Problem(Severity.ERROR if fitting else Severity.WARNING, at, what, _range_remedy(sensor, fitting))
        if len(values) > 1 and values.min() == values.max() and sensor.stuck_below is not None:
            what = f"never moves from {values[0]:g} {sensor.unit}"
            yield Problem(Severity.WARNING, at, what, "Is it connected? A dead sensor is better left out.")


def _column_problems(machine: Machine, where: str, columns: Iterable[str]) -> Iterator[Problem]:
    conditions = [condition.name for condition in machine.conditions]
    for name in columns:
        if name in conditions:
            continue
        if name in machine.component_index:
            what = f"label column {name} names a component of which the machine file has no condition"
            remedy = f"Add a condition {name} with its levels to the machine file."
            yield Problem(Severity.ERROR, where, what, remedy)
        elif close := _meant(name, conditions):
            what = f"label column {name} is no condition of machine {machine.name!r}{close}"
            remedy = "Name it as the condition; a column to group by needs a name of its own."
            yield Problem(Severity.ERROR, where, what, remedy)


def _state_like_columns(machine: Machine, where: str, rows: Iterable[LabelRow]) -> Iterator[Problem]:
    """Columns to group by whose words are those of levels: perhaps of a component that the machine file lacks."""
    words = {str(level.label) for condition in machine.conditions for level in condition.levels}
    found: dict[str, set[str]] = {}
    for row in rows:
        for name, value in row.values.items():
            if isinstance(value, str) and name not in {condition.name for condition in machine.conditions}:
                found.setdefault(name, set()).add(value)
    for name, values in found.items():
        if values & words and name not in machine.component_index:
            said = ", ".join(sorted(values & words))
            what = f"label column {name} says {said} as conditions do, and the machine file has no such condition"
            remedy = f"Add the component and a condition {name} to the machine file, or give the column other words."
            yield Problem(Severity.WARNING, where, what, remedy)


def _window_problems(machine: Machine, recording: Recording, labelled: _Rows) -> Iterator[Problem]:
    rows = labelled.rows
    in_time = sorted(rows.items(), key=lambda item: item[1].start_us)
    latest, until = in_time[0][0], in_time[0][1].end_us
    overlaps: list[tuple[int, str]] = []
    for number, row in in_time[1:]:
        if row.start_us < until:
            overlaps.append((number, f"begins before {labelled.place(latest)} ends ({_time(until)})"))
        if row.end_us > until:
            latest, until = number, row.end_us
    if overlaps:
        what = f"{overlaps[0][1]}, so the windows overlap"
        remedy = "Shorten one of them, or leave one out."
        yield labelled.problem(Severity.ERROR, [number for number, _ in overlaps], what, remedy)
    known = [series for name, series in recording.series.items() if name in machine.sensor_index]
    silent = [
        number
        for number, row in rows.items()
        if not any(np.isfinite(series.between(row.start_us, row.end_us).values).any() for series in known)
    ]
    if silent:
        span = f"{_time(recording.first_us)} to {_time(recording.last_us)}"
        what = f"no sensor of the machine has a reading in it; signals go from {span}"
        remedy = "Are both in the same time zone? Otherwise take the row out."
        yield labelled.problem(Severity.ERROR, silent, what, remedy)
    if elsewhere := [number for number, row in rows.items() if row.start_us % (row.end_us - row.start_us)]:
        what = "doesn't begin where a box begins windows: at whole multiples of their length since 1970"
        remedy = "Let them begin there, where the work cycle does: a model has no answer where that begins elsewhere."
        yield labelled.problem(Severity.WARNING, elsewhere, what, remedy)
    lengths = sorted({(row.end_us - row.start_us) / 1e6 for row in rows.values()})
    if lengths[-1] > lengths[0] * 1.5:
        what = f"windows are {lengths[0]:g} s to {lengths[-1]:g} s long"
        remedy = "A box cuts windows of one length: label windows as long as those."
        yield Problem(Severity.WARNING, labelled.where, what, remedy)


def _fitting_units(sensor: Sensor, values: Float64Array) -> list[str]:
    """The units that put most of the values into the sensor's range, and not at its foot: there any small unit does."""
    low = sensor.valid_min + _FOOT * (sensor.valid_max - sensor.valid_min)
    fitting = []
    for unit, conversion in CONVERSIONS.items():
        converted = values * conversion.factor + conversion.offset
        inside = (converted >= low) & (converted <= sensor.valid_max)
        if conversion.canonical == sensor.unit != unit and float(np.mean(inside)) > _MOSTLY:
            fitting.append(unit)
    return fitting


def _range_remedy(sensor: Sensor, fitting: Sequence[str]) -> str:
    if fitting:
        units = " or ".join(fitting)
        return f"In {units} they would fit: say so in the column's name, as in '{sensor.name} [{fitting[0]}]'."
    return "Look at unit and scaling of these readings; if they are right, widen valid_min and valid_max of the sensor."


def _meant(name: str, names: Iterable[str]) -> str:
    lower = {other.lower(): other for other in names}
    close = get_close_matches(name.lower(), lower, n=1, cutoff=0.75)
    return f": is {lower[close[0]]} meant?" if close else ""


def _time(time_us: int) -> str:
    return f"{utc_datetime(time_us):%Y-%m-%dT%H:%M:%SZ}"
