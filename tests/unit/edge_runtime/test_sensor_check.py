import numpy as np
import pytest

from edge_runtime.quality import Reason
from edge_runtime.sensor_check import SensorFault, SensorFaultKind, check_sensors
from edge_runtime.stillness import MIN_SAMPLES
from edge_runtime.window import ChannelWindow, Window
from tests.models.tiny_bundle import WINDOW_US, tiny_machine

STUCK_BELOW = 0.01


def machine_with(**changes):
    """The tiny machine whose PS1 has these properties."""
    machine = tiny_machine()
    sensors = tuple(sensor.model_copy(update=changes) if sensor.name == "PS1" else sensor for sensor in machine.sensors)
    return machine.model_copy(update={"sensors": sensors})


def check(values, *, stuck_below=STUCK_BELOW):
    """What is found when PS1 gives these values: its channel afterwards, and the faults."""
    channel = ChannelWindow("PS1", 100_000, np.asarray(values, np.float32))
    window, faults = check_sensors(machine_with(stuck_below=stuck_below), Window("tiny", 0, WINDOW_US, (channel,)))
    return window.channels[0], faults


def moving(count=600):
    return 100 + np.sin(np.arange(count))


def test_a_sensor_that_moves_is_believed():
    values = moving()
    channel, faults = check(values)
    assert faults == ()
    np.testing.assert_array_equal(channel.values, values.astype(np.float32))


@pytest.mark.parametrize("values", [[], [np.nan] * 600])
def test_a_sensor_without_a_valid_reading_is_silent(values):
    channel, (fault,) = check(values)
    assert (fault.sensor, fault.kind) == ("PS1", SensorFaultKind.SILENT)
    assert len(channel.values) == len(values)


@pytest.mark.parametrize(("present", "kinds"), [(299, [SensorFaultKind.INCOMPLETE]), (300, [])])
def test_a_sensor_with_less_than_half_of_its_readings_is_incomplete_and_keeps_them(present, kinds):
    values = moving()
    values[present:] = np.nan
    channel, faults = check(values)
    assert [fault.kind for fault in faults] == kinds
    assert np.isfinite(channel.values).sum() == present


def test_how_much_is_missing_is_said():
    values = moving()
    values[150:] = np.nan
    _, (fault,) = check(values)
    assert fault.message == "PS1: only 25% of the window's readings are valid"


@pytest.mark.parametrize("gaps", [0, 200])
def test_a_sensor_that_does_not_move_is_stuck_and_its_values_become_gaps(gaps):
    values = np.full(600, 101.5)
    values[:gaps] = np.nan
    channel, (fault,) = check(values)
    assert fault.kind is SensorFaultKind.STUCK
    assert fault.message == "PS1: stuck at 101.5 bar"
    assert len(channel.values) == 600
    assert np.isnan(channel.values).all()


def test_a_sensor_moves_when_it_changes_by_more_than_its_limit():
    # Binary fractions, so that the difference is exact in float32.
    for change, stuck in ((0.25, True), (0.5, False)):
        _, faults = check([100.0] * 599 + [100.0 + change], stuck_below=0.25)
        assert [fault.kind for fault in faults] == [SensorFaultKind.STUCK] * stuck


@pytest.mark.parametrize(("samples", "stuck"), [(MIN_SAMPLES - 1, False), (MIN_SAMPLES, True)])
def test_too_few_samples_tell_nothing_about_being_stuck(samples, stuck):
    _, faults = check([100.0] * samples)
    assert bool(faults) is stuck


def test_a_sensor_without_a_limit_may_rest():
    channel, faults = check(np.full(600, 100.0), stuck_below=None)
    assert faults == ()
    assert np.isfinite(channel.values).all()


def test_the_window_that_was_given_is_left_as_it_was():
    values = np.full(600, 100.0, np.float32)
    channel = ChannelWindow("PS1", 100_000, values)
    window = Window("tiny", 60_000_000, 120_000_000, (channel,))
    checked, _ = check_sensors(machine_with(stuck_below=STUCK_BELOW), window)
    assert np.isfinite(values).all()
    assert (checked.machine, checked.start_us, checked.end_us) == ("tiny", 60_000_000, 120_000_000)


def test_each_sensor_is_judged_by_itself():
    machine = machine_with(stuck_below=STUCK_BELOW)
    channels = (
        ChannelWindow("PS1", 100_000, np.full(600, 100.0, np.float32)),
        ChannelWindow("EPS1", 100_000, np.full(600, 1000.0, np.float32)),
        ChannelWindow("FS1", 1_000_000, np.empty(0, np.float32)),
        ChannelWindow("TS1", 1_000_000, np.full(60, 40.0, np.float32)),
    )
    checked, faults = check_sensors(machine, Window("tiny", 0, WINDOW_US, channels))
    assert [(fault.sensor, fault.kind) for fault in faults] == [
        ("PS1", SensorFaultKind.STUCK),
        ("FS1", SensorFaultKind.SILENT),
    ]
    assert [channel.sensor for channel in checked.channels] == ["PS1", "EPS1", "FS1", "TS1"]
    assert np.isfinite(checked.channels[1].values).all()


def doubted(values, doubt):
    channel = ChannelWindow("PS1", 100_000, np.asarray(values, np.float32), doubt)
    return check_sensors(machine_with(stuck_below=STUCK_BELOW), Window("tiny", 0, WINDOW_US, (channel,)))


@pytest.mark.parametrize(
    ("present", "doubt", "kind", "message"),
    [
        (0, Reason.NOT_A_NUMBER, SensorFaultKind.SILENT, "PS1: no valid reading in the window: not a number"),
        (
            150,
            Reason.DEVICE_FAULT,
            SensorFaultKind.INCOMPLETE,
            "PS1: only 25% of the window's readings are valid: device fault",
        ),
        (3, Reason.STUCK, SensorFaultKind.STUCK, "PS1: stuck at 100.909 bar"),
        (0, Reason.STUCK, SensorFaultKind.STUCK, "PS1: stuck"),
        (
            600,
            Reason.IMPLAUSIBLE,
            SensorFaultKind.IMPLAUSIBLE,
            "PS1: contradicts the sensors that it is connected with",
        ),
    ],
)
def test_the_reason_for_which_readings_were_not_good_is_given(present, doubt, kind, message):
    values = moving()
    values[present:] = np.nan
    _, (fault,) = doubted(values, doubt)
    assert (fault.kind, fault.message, fault.reason) == (kind, message, doubt)
    assert SensorFault.model_validate_json(fault.model_dump_json()) == fault
    assert f'"{doubt.name.lower()}"' in fault.model_dump_json()


def test_an_implausible_sensor_is_used_all_the_same():
    window, _ = doubted(moving(), Reason.IMPLAUSIBLE)
    assert np.isfinite(window.channels[0].values).all()


def test_a_few_bad_readings_make_no_fault():
    values = moving()
    values[:5] = np.nan
    assert doubted(values, Reason.JUMP)[1] == ()


def test_a_diagnosis_without_reasons_can_still_be_read():
    old = SensorFault.model_validate_json('{"sensor": "PS1", "kind": "silent", "message": "PS1: silent"}')
    assert old.reason is Reason.NONE
