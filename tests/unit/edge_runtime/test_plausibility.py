from pathlib import Path

import numpy as np
import pytest
import yaml

from edge_runtime.balances import BalanceKind, balances_of
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine
from edge_runtime.plausibility import INTERVAL_US, LATENESS_US, PATIENCE, PlausibilityCheck
from edge_runtime.quality import Quality, Reason, status
from edge_runtime.recording import read_recording
from tests.columns import SECOND_US, beats, signal

CONFIGS = Path(__file__).parents[3] / "configs"
ZEMA = load_machine(CONFIGS / "machines" / "zema.yaml")
BAD_READING = status(Quality.BAD, Reason.DEVICE_FAULT)

LINE = """
name: line
components:
  - {name: pump, type: gear_pump}
  - {name: filter, type: filter}
  - {name: cooler, type: heat_exchanger}
connections:
  - {source: pump, target: filter, diameter_mm: 12, length_m: 1, pressure_rating_bar: 100}
  - {source: filter, target: cooler, diameter_mm: 12, length_m: 1, pressure_rating_bar: 100}
sensors:
  - {name: P1, quantity: pressure, unit: bar, component: pump, port: pressure_out, rate_hz: 1, valid_min: 0, valid_max: 100}
  - {name: P2, quantity: pressure, unit: bar, component: filter, port: pressure_in, rate_hz: 1, valid_min: 0, valid_max: 100}
  - {name: P3, quantity: pressure, unit: bar, component: filter, port: pressure_out, rate_hz: 1, valid_min: 0, valid_max: 100}
  - {name: Q1, quantity: flow, unit: l/min, component: pump, port: flow_out, rate_hz: 1, valid_min: 0, valid_max: 50}
  - {name: Q2, quantity: flow, unit: l/min, component: filter, port: flow_in, rate_hz: 1, valid_min: 0, valid_max: 50}
  - {name: W1, quantity: power, unit: W, component: pump, port: power, rate_hz: 1, valid_min: 0, valid_max: 5000}
"""  # noqa: E501 - a table
SOUND = {"P1": 60.0, "P2": 59.0, "P3": 58.0, "Q1": 20.0, "Q2": 20.1, "W1": 2500.0}
"""60 bar · 20 l/min are 2 kW."""
ENOUGH_S = (PATIENCE + 1) * INTERVAL_US // SECOND_US + LATENESS_US // SECOND_US + 1


def machine():
    return Machine.model_validate(yaml.safe_load(LINE))


def run(check, seconds, *, start_s=0, **values):
    """So many seconds of readings, one a second of every sensor."""
    levels = SOUND | values
    series = {
        name: signal(np.full(seconds, level), start_us=start_s * SECOND_US)
        for name, level in levels.items()
        if level is not None
    }
    for beat in beats(series, SECOND_US):
        check.observe(beat)
    return start_s + seconds


def doubted(seconds=ENOUGH_S, **values):
    check = PlausibilityCheck(machine())
    run(check, seconds, **values)
    return check.doubts


def test_balances_follow_from_the_machine_file():
    assert [(one.kind, one.sensors) for one in balances_of(machine())] == [
        (BalanceKind.PRESSURE, ("P1", "P2")),
        (BalanceKind.FLOW, ("Q1", "Q2")),
        (BalanceKind.PRESSURE, ("P2", "P3")),
        (BalanceKind.POWER, ("P1", "Q1", "W1")),
    ]


def test_no_balance_is_drawn_across_what_can_be_passed_by():
    parts = [part.model_copy(update={"bypassed": True}) for part in machine().components]
    through = balances_of(machine().model_copy(update={"components": tuple(parts)}))
    assert ("P2", "P3") not in [one.sensors for one in through]


def test_flows_of_lines_that_branch_are_not_compared():
    branch = machine().connections[0].model_copy(update={"target": "cooler"})
    branched = machine().model_copy(update={"connections": (*machine().connections, branch)})
    assert BalanceKind.FLOW not in [one.kind for one in balances_of(branched)]


def test_sensors_that_agree_are_not_doubted():
    assert doubted(300) == {}


def test_a_pressure_that_drifts_up_is_doubted_with_what_it_contradicts():
    doubts = doubted(P3=70.0)
    assert set(doubts) == {"P3"}  # P2 agrees with P1
    assert doubts["P3"] == ("pressure rises through filter in the direction of flow (P2 59, P3 70; tolerance 2)")


def test_of_two_that_contradict_both_are_doubted_where_nothing_tells_them_apart():
    assert set(doubted(Q2=25.0)) == {"Q2"}  # Q1 fits the pump's power
    check = PlausibilityCheck(machine())
    run(check, ENOUGH_S, Q2=25.0, W1=None)
    assert set(check.doubts) == {"Q2"}


def test_a_pump_cannot_give_more_than_it_takes():
    doubts = doubted(W1=1000.0)
    assert "W1" in doubts
    assert "P1" not in doubts
    assert doubts["W1"].startswith("pump gives 2000 W of hydraulic power, more than it takes (P1 60, Q1 20, W1 1000;")


def test_power_is_not_balanced_while_an_accumulator_may_be_emptying():
    check = PlausibilityCheck(machine())
    at = 0
    for number in range(12):
        at = run(check, 10, start_s=at, W1=0.0, P1=98.0 - 7 * number, P2=None, P3=None)
    assert check.doubts == {}


@pytest.mark.parametrize("change", [{"P3": 60.9}, {"Q2": 20.9}, {"W1": 1900.0}])
def test_what_the_sensors_may_be_wrong_by_is_tolerated(change):
    assert doubted(**change) == {}


def test_a_passing_contradiction_is_none():
    check = PlausibilityCheck(machine())
    at = run(check, 60)
    at = run(check, 20, start_s=at, P3=70.0)
    run(check, 100, start_s=at)
    assert check.doubts == {}


def test_doubt_comes_after_three_intervals_and_goes_after_three():
    check = PlausibilityCheck(machine())
    changes = []
    for second in range(200):
        run(check, 1, start_s=second, P3=70.0 if 50 <= second < 120 else 58.0)
        if bool(check.doubts) != (len(changes) % 2 == 1):
            changes.append(second)
    assert changes == [82, 152]


def test_single_wild_readings_do_not_count():
    check = PlausibilityCheck(machine())
    for second in range(200):
        run(check, 1, start_s=second, P3=95.0 if second % 3 == 0 else 58.0)
    assert check.doubts == {}


def test_without_a_sensor_to_contradict_doubt_ends():
    check = PlausibilityCheck(machine())
    at = run(check, 60, P3=70.0)
    run(check, 60, start_s=at, P3=70.0, P2=None)
    assert check.doubts == {}


def test_bad_readings_say_nothing():
    check = PlausibilityCheck(machine())
    series = {name: signal(np.full(100, 70.0 if name == "P3" else level)) for name, level in SOUND.items()}
    for beat in beats(series, SECOND_US):
        statuses = np.zeros(len(beat.values), np.uint8)
        statuses[beat.of("P3")] = BAD_READING
        check.observe(beat.judged(statuses))
    assert check.doubts == {}


def test_a_clock_that_steps_back_does_not_end_the_watch():
    check = PlausibilityCheck(machine())
    run(check, 60, start_s=100_000)
    run(check, ENOUGH_S, P3=70.0)
    assert set(check.doubts) == {"P3"}


@pytest.mark.parametrize(
    ("sensor", "wrong", "suspects"),
    [
        ("PS2", lambda values: values + 60, {"PS1", "PS2"}),
        ("PS6", lambda values: values + 4, {"PS5", "PS6"}),
        ("EPS1", lambda values: values * 0.6, {"EPS1", "FS1"}),
    ],
)
def test_a_wrong_sensor_of_the_rig_is_found_among_few(sensor, wrong, suspects):
    series = dict(read_recording(CONFIGS / "recordings" / "zema-sample").series)
    part = series[sensor]
    series[sensor] = type(part)(part.times_us, wrong(part.values), part.statuses)
    check = PlausibilityCheck(ZEMA)
    found = set()
    for beat in beats(series, 10 * SECOND_US):
        check.observe(beat)
        found |= set(check.doubts)
    assert sensor in found
    assert found <= suspects
