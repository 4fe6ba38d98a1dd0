from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.baseline.document import BaselineSource
from edge_runtime.baseline.fit import fit_baseline, merge_baselines
from edge_runtime.baseline.operation import OperatingAxes
from edge_runtime.baseline.profile import profile
from edge_runtime.errors import BaselineError
from tests.models.working_machine import CREATED, IDLING_W, MACHINE, WORKING_W, baseline_of, window_at

AXES = OperatingAxes.of(MACHINE)
WORK = [window_at(number) for number in range(12)]
REST = [window_at(number, power=IDLING_W, pressure=10, oil=35) for number in range(12, 20)]


def words(baseline):
    return {AXES.words(item.regime): item.windows for item in baseline.regimes}


def test_each_regime_and_its_parent_is_learned_by_itself():
    baseline = baseline_of([*WORK, *REST])
    assert words(baseline) == {
        "EPS1 0–750 W, oil at any temperature": 8,
        "EPS1 0–750 W, oil 30–40 °C": 8,
        "EPS1 2250–3000 W, oil at any temperature": 12,
        "EPS1 2250–3000 W, oil 40–50 °C": 12,
    }
    idle, _, work, _ = baseline.regimes
    assert idle.sensors["PS1"].centre[0] == pytest.approx(10, abs=0.5)
    assert work.sensors["PS1"].centre[0] == pytest.approx(160, abs=0.5)
    assert 0.01 < work.sensors["PS1"].spread[0] < 0.2  # 0.5 bar of noise over 60 samples
    assert (baseline.windows, baseline.source) == (20, BaselineSource.COMMISSIONING)
    assert (baseline.first.minute, baseline.last.minute) == (0, 20)


def test_the_order_of_the_windows_does_not_matter():
    assert baseline_of([*WORK, *REST]) == baseline_of([*reversed(REST), *reversed(WORK)])


def test_a_sensor_that_was_silent_is_not_in_it():
    baseline = baseline_of([window_at(number, silent=("FS1",)) for number in range(6)])
    assert "FS1" not in baseline.regimes[0].sensors


def test_batches_merge_to_about_the_same_as_one():
    together = baseline_of([*WORK, *REST])
    merged = merge_baselines(MACHINE, baseline_of(WORK), baseline_of([*REST]))
    assert words(merged) == words(together)
    assert merged.windows == 20
    assert (merged.first, merged.last) == (together.first, together.last)
    halves = merge_baselines(MACHINE, baseline_of(WORK[:6]), baseline_of(WORK[6:]))
    one, two = halves.regimes[0].sensors["PS1"], baseline_of(WORK).regimes[0].sensors["PS1"]
    assert one.windows == two.windows == 12
    np.testing.assert_allclose(one.centre, two.centre, atol=0.5)


def test_what_was_merged_merges_again():
    three = [baseline_of(WORK[first : first + 4]) for first in (0, 4, 8)]
    merged = merge_baselines(MACHINE, merge_baselines(MACHINE, three[0], three[1]), three[2])
    assert [item.windows for item in merged.regimes] == [12, 12]
    assert merged.regimes[0].sensors["PS1"].windows == 12


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(BaselineError, match="no window"):
        baseline_of([])


def test_windows_that_do_not_say_what_the_machine_did_are_an_error():
    with pytest.raises(BaselineError, match="EPS1 is silent"):
        baseline_of([window_at(0, silent=("EPS1",))])


def test_windows_of_two_lengths_are_an_error():
    short = replace(profile(WORK[1]), end_us=profile(WORK[1]).start_us + 30_000_000)
    with pytest.raises(BaselineError, match="different lengths: 30 s, 60 s"):
        fit_baseline(MACHINE, [profile(WORK[0]), short], created=CREATED, source=BaselineSource.COMMISSIONING)


def test_another_window_length_does_not_merge():
    short = replace(profile(WORK[0]), end_us=30_000_000)
    other = fit_baseline(MACHINE, [short], created=CREATED, source=BaselineSource.COMMISSIONING)
    with pytest.raises(BaselineError, match="windows of 60 s"):
        merge_baselines(MACHINE, baseline_of(WORK), other)


def test_power_stays_within_a_regime_whose_edge_it_runs_on():
    baseline = baseline_of([window_at(number, power=2249) for number in range(8)])
    point = AXES.point(profile(window_at(99, power=2251)).means)
    assert baseline.at(AXES, point) is not None
    assert WORKING_W > 2251
