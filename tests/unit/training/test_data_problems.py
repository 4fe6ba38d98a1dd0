from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import TrainingError
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine
from edge_runtime.reading import Series
from edge_runtime.recording import LabelRow, Recording
from tests.unit.training.conftest import ROOT
from training.data_problems import Problem, Severity, class_problems, label_problems, refuse_errors, signal_problems

MINUTE_US = 60_000_000


def steady(value: float, minutes: int = 10) -> Series:
    times = np.arange(60 * minutes, dtype=np.int64) * 1_000_000
    return Series.ordered(times, np.full(len(times), value))


def recording(*rows: LabelRow, **series: Series) -> Recording:
    return Recording(Path("press"), series or {"PS1": steady(150)}, rows)


def row(minute: float, *, stable: bool = True, minutes: float = 1, **values: object) -> LabelRow:
    start_us = round(minute * MINUTE_US)
    return LabelRow(start_us, start_us + round(minutes * MINUTE_US), values, stable=stable)


def errors(problems: object) -> list[Problem]:
    return [problem for problem in problems if problem.severity is Severity.ERROR]


GOOD = (row(0, pump=0, shift="early"), row(1, pump=2, shift="late"))


def test_good_labels_have_no_problem(machine: Machine):
    assert list(label_problems(machine, recording(*GOOD))) == []


@pytest.mark.parametrize(
    ("rows", "said", "remedy"),
    [
        ((), "has no label rows", "labels.csv"),
        ((row(0, stable=False, pump=0),), "has no stable label rows", "labels.csv"),
        ((row(0, gearbox=1),), "no label column is named like .*: gearbox", "Name the conditions"),
        ((row(0, pump=0), row(1, pump=7)), "pump = 7 isn't a level of .*: 0, 1, 2", "level"),
        ((row(0, pump=0, filter=1),), "label column filter names a component .* no condition", "Add a"),
        ((row(0, pump=0, Valve=100),), "label column Valve is no condition .*: is valve meant?", "Name it"),
        ((row(1, pump=0), row(0.5, pump=2)), "begins before label row 2 ends .*overlap", "Shorten"),
        ((row(0, pump=0), row(60, pump=2)), "no sensor .* has a reading in it; signals go from 1970", "time zone"),
    ],
    ids=["none", "unstable", "foreign", "level", "component", "misspelt", "overlap", "elsewhere"],
)  # fmt: skip
def test_labels_that_can_not_be_used_are_an_error_with_row_and_remedy(
    machine: Machine, rows: tuple[LabelRow, ...], said: str, remedy: str
):
    found = recording(*rows)
    with pytest.raises(TrainingError, match=f"^press: .*{said}") as raised:
        refuse_errors(label_problems(machine, found))
    assert remedy in raised.value.hint


def test_problems_of_single_rows_name_the_row_and_its_time(machine: Machine):
    (problem,) = label_problems(machine, recording(row(0, pump=0), row(1, pump=7)))
    assert problem.where == "press: label row 2 (from 1970-01-01T00:01:00Z)"


def test_windows_that_begin_where_no_box_begins_one_are_pointed_out(machine: Machine):
    rows = (row(0, pump=0), row(1.5, pump=1), row(3, pump=2), row(4.25, pump=2))
    (problem,) = label_problems(machine, recording(*rows))
    assert (problem.severity, problem.where.split(" (")[0]) == (Severity.WARNING, "press: label row 2")
    assert "whole multiples of their length since 1970 (and 1 of the other rows)" in problem.what


def test_a_column_that_says_what_levels_say_may_be_of_a_component_that_the_machine_file_lacks():
    press = load_machine(ROOT / "docs" / "example" / "machine.yaml")
    rows = (row(0, pump="good", gearbox="good"), row(1, pump="leaking", gearbox="worn"), row(2, pump="good", visit="a"))
    (problem,) = label_problems(press, recording(*rows, flow=steady(5)))
    assert problem.severity is Severity.WARNING
    assert "label column gearbox says good as conditions do" in problem.what


def test_rows_with_the_same_problem_are_one_problem(machine: Machine):
    rows = [row(number, pump=7 if number % 2 else 0) for number in range(8)]
    (problem,) = label_problems(machine, recording(*rows))
    assert problem.where == "press: label row 2 (from 1970-01-01T00:01:00Z)"
    assert problem.what.endswith("0, 1, 2 (and 3 of the other rows)")


def test_rows_of_a_file_are_called_by_file_and_row(machine: Machine):
    rows = (replace(row(0, pump=0), place="labels.csv: row 2"), replace(row(0.5, pump=2), place="labels.csv: row 3"))
    (problem,) = errors(label_problems(machine, recording(*rows)))
    assert problem.where == "labels.csv: row 3 (from 1970-01-01T00:00:30Z)"
    assert problem.what.startswith("begins before labels.csv: row 2 ends")


def test_all_problems_are_found_not_the_first_alone(machine: Machine):
    found = recording(row(0, pump=0, Valve=1), row(1, pump=7), row(1.5, pump=8))
    assert len(errors(label_problems(machine, found))) == 4


def test_windows_of_unequal_length_are_pointed_out(machine: Machine):
    (problem,) = label_problems(machine, recording(row(0, pump=0), row(5, pump=1, minutes=5)))
    assert (problem.severity, problem.what) == (Severity.WARNING, "windows are 60 s to 300 s long")


def test_rows_that_say_nothing_of_any_condition_are_pointed_out(machine: Machine):
    (problem,) = label_problems(machine, recording(row(0, pump=0), row(1, shift="late"), row(2)))
    assert (problem.severity, problem.where) == (Severity.WARNING, "press: label row 2 (from 1970-01-01T00:01:00Z)")
    assert "and 1 of the other rows" in problem.what


def test_one_class_only_is_an_error_where_nothing_else_can_be_learned(machine: Machine):
    alone = errors(class_problems(machine, recording(row(0, pump=0), row(1, pump=0))))
    assert any("pump is '0' in all stable label rows: there is one class only" in problem.what for problem in alone)
    beside = list(class_problems(machine, recording(row(0, pump=0, valve=100), row(1, pump=1, valve=100))))
    assert errors(beside) == []
    assert any("valve is '100'" in problem.what for problem in beside)


def test_a_machine_of_other_sensors_is_an_error_a_misspelt_one_a_warning(machine: Machine):
    assert "is PS1 meant?" in errors(signal_problems(machine, recording(ps1=steady(150))))[0].what
    found = list(signal_problems(machine, recording(PS1=steady(150), ps2=steady(1))))
    assert errors(found) == []
    assert any(problem.where == "press: ps2" and "is PS2 meant?" in problem.what for problem in found)


def test_a_sensor_that_is_not_recorded_is_pointed_out(machine: Machine):
    found = [problem.where for problem in signal_problems(machine, recording()) if "lacks it" in problem.what]
    assert len(found) == len(machine.sensors) - 1


def test_values_of_another_magnitude_are_pointed_out_with_the_unit_that_would_fit(machine: Machine):
    found = list(signal_problems(machine, recording(PS1=steady(30_000), TS1=steady(45))))
    (problem,) = (problem for problem in found if problem.where == "press: PS1" and "outside" in problem.what)
    assert "100.0% of its values lie outside -1 … 400 bar (median 30000)" in problem.what
    assert problem.severity is Severity.ERROR
    assert "In kPa they would fit: say so in the column's name, as in 'PS1 [kPa]'" in problem.remedy


def test_a_sensor_out_of_range_in_any_unit_is_a_warning_alone(machine: Machine):
    found = list(signal_problems(machine, recording(PS1=steady(-30))))
    (problem,) = (problem for problem in found if problem.where == "press: PS1" and "outside" in problem.what)
    assert problem.severity is Severity.WARNING
    assert "widen valid_min" in problem.remedy


def test_a_window_of_gaps_or_of_sensors_that_the_machine_lacks_is_empty(machine: Machine):
    gaps = steady(150.0)
    gaps.values[60:120] = np.nan
    (problem,) = label_problems(machine, recording(*GOOD, PS1=gaps, other=steady(1)))
    assert "label row 2" in problem.where
    assert "no sensor of the machine has a reading in it" in problem.what


def test_every_window_within_a_long_one_overlaps_it(machine: Machine):
    rows = (row(0, minutes=5, pump=0), row(1, pump=0), row(3, pump=2))
    (problem,) = errors(label_problems(machine, recording(*rows)))
    assert problem.where.startswith("press: label row 2 (")
    assert problem.what.endswith("so the windows overlap (and 1 of the other rows)")


@pytest.mark.parametrize(
    ("series", "said"),
    [(steady(np.nan), "has no value at all"), (steady(150), "never moves from 150 bar")],
    ids=["gaps alone", "stuck"],
)
def test_a_dead_sensor_is_pointed_out(machine: Machine, series: Series, said: str):
    found = list(signal_problems(machine, recording(PS1=series)))
    assert any(problem.where == "press: PS1" and said in problem.what for problem in found)


def test_a_good_recording_has_no_problem(machine: Machine, sample: Recording):
    everything = [signal_problems(machine, sample), label_problems(machine, sample), class_problems(machine, sample)]
    assert [problem for problems in everything for problem in problems] == []


def test_what_was_refused_before_stays_refused(machine: Machine, sample: Recording):
    doubled = replace(sample, labels=(*sample.labels, sample.labels[0]))
    assert "overlap" in errors(label_problems(machine, doubled))[0].what


def test_rows_that_repeat_a_time_are_pointed_out(machine: Machine, sample: Recording):
    (problem,) = signal_problems(machine, replace(sample, repeated=3))
    assert (problem.severity, problem.what[:6]) == (Severity.WARNING, "3 rows")
