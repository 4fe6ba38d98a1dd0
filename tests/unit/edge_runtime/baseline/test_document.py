import json

import pytest

from edge_runtime.baseline.document import BASELINE_SCHEMA, MIN_WINDOWS, MachineBaseline
from edge_runtime.baseline.operation import OperatingAxes
from edge_runtime.baseline.profile import profile
from edge_runtime.errors import BaselineError
from tests.models.working_machine import MACHINE, baseline_of, window_at

BASELINE = baseline_of([window_at(number) for number in range(6)])
RAW = BASELINE.model_dump_json().encode()


def edited(**changes):
    return json.dumps({**json.loads(RAW), **changes}).encode()


def test_it_comes_back_from_json_as_it_was():
    assert MachineBaseline.read(RAW, "v1.json") == BASELINE
    BASELINE.check_fits(MACHINE, 60.0)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (RAW[: len(RAW) // 2], "v1.json: document: Invalid JSON"),
        (b"", "Invalid JSON"),
        (b"[]", "v1.json: document"),
        (edited(schema_version=BASELINE_SCHEMA + 1, more=1), "reads up to"),
        (edited(windows=0), "windows: .*greater than or equal to 1"),
        (edited(regimes=[json.loads(RAW)["regimes"][0]] * 2), "a regime is there twice"),
        (edited(sensors_sha256="x"), "sensors_sha256"),
    ],
    ids=["cut off", "empty", "a list", "newer schema", "no windows", "twice", "no hash"],
)
def test_a_damaged_or_newer_document_is_refused(raw, message):
    with pytest.raises(BaselineError, match=message) as refused:
        MachineBaseline.read(raw, "v1.json")
    assert "hydrosight baseline learn" in refused.value.hint


def test_a_spread_is_never_negative():
    document = json.loads(RAW)
    document["regimes"][0]["sensors"]["PS1"]["spread"][0] = -1
    with pytest.raises(BaselineError, match=r"regimes\.0\.sensors\.PS1\.spread\.0"):
        MachineBaseline.read(json.dumps(document).encode(), "v1.json")


def test_another_machine_is_refused():
    with pytest.raises(BaselineError, match="of machine 'tiny', not of 'press'"):
        BASELINE.check_fits(MACHINE.model_copy(update={"name": "press"}), 60.0)


def test_a_sensor_that_has_moved_is_refused():
    sensors = [sensor.model_copy(update={"component": "tank"}) if sensor.name == "EPS1" else sensor
               for sensor in MACHINE.sensors]  # fmt: skip
    with pytest.raises(BaselineError, match="other sensors, places or ratings"):
        BASELINE.check_fits(MACHINE.model_copy(update={"sensors": tuple(sensors)}), 60.0)


def test_another_description_is_no_other_sensor():
    sensors = tuple(sensor.model_copy(update={"description": "renewed"}) for sensor in MACHINE.sensors)
    BASELINE.check_fits(MACHINE.model_copy(update={"sensors": sensors}), 60.0)


def test_another_window_length_is_refused():
    with pytest.raises(BaselineError, match="windows of 60 s, the model's are of 30 s"):
        BASELINE.check_fits(MACHINE, 30.0)


def test_a_regime_with_too_few_windows_gives_way_to_its_parent():
    warm = [window_at(number, oil=55) for number in range(20, 20 + MIN_WINDOWS - 1)]
    baseline = baseline_of([*(window_at(number) for number in range(6)), *warm])
    axes = OperatingAxes.of(MACHINE)
    found = baseline.at(axes, axes.point(profile(window_at(99, oil=57)).means))
    assert found is not None
    assert (found.regime.oil, found.windows) == (None, 6 + MIN_WINDOWS - 1)
