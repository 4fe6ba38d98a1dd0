import pytest

from agent.sources.modbus.device_profile import with_profiles
from agent.sources.modbus.settings import ModbusSettings
from edge_runtime.errors import ConfigurationError

PROFILE = """\
description: A pressure box, as in its manual.
points:
- {name: supply, address: 10, unit: psi}
- {name: level, kind: input, address: 3, type: uint16, bits: 4-7}
- {name: alarm, kind: coil, address: 1}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "agent").mkdir()
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "box.yaml").write_text(PROFILE)
    return tmp_path / "agent"


def source(*groups):
    transport = {"type": "tcp", "host": "h"}
    return ModbusSettings.model_validate({"name": "plc", "transport": transport, "groups": groups})


def use(profile="box", **changes):
    return {"profile": profile, "points": {"supply": "PS1", "alarm": "AL"}, "unit_id": 3, "period_s": 0.5} | changes


@pytest.mark.parametrize("profile", ["box", "../devices/box.yaml"])
def test_a_group_gets_the_registers_of_the_points_that_it_names(folder, profile):
    settings = source(use(profile))
    assert settings.sensors == {"PS1", "AL"}
    (group,) = with_profiles(settings, folder).groups
    assert [str(register) for register in group.registers] == ["PS1 at holding register 10", "AL at coil 1"]
    assert group.registers[0].unit == "psi"
    assert (group.unit_id, group.period_s, group.profile) == (3, 0.5, None)
    assert with_profiles(settings, folder).sensors == {"PS1", "AL"}


def test_settings_without_profiles_stay_as_they_are(folder):
    settings = source({"registers": [{"sensor": "S", "address": 0}]})
    assert with_profiles(settings, folder) is settings


def test_a_profile_beside_the_settings_comes_first(folder):
    (folder / "devices").mkdir()
    (folder / "devices" / "box.yaml").write_text(PROFILE.replace("address: 10", "address: 20"))
    assert with_profiles(source(use()), folder).groups[0].registers[0].address == 20


def test_a_profile_that_is_not_there_is_named_with_where_it_was_looked_for(folder):
    with pytest.raises(ConfigurationError, match=r"profile pump: there is none at .*devices/pump\.yaml or ") as caught:
        with_profiles(source(use("pump")), folder)
    assert "configs/devices" in caught.value.hint


def test_a_point_that_is_not_there_is_named_with_those_that_are(folder):
    with pytest.raises(ConfigurationError, match="has no point flow") as caught:
        with_profiles(source(use(points={"flow": "FS1"})), folder)
    assert "supply, level, alarm" in caught.value.hint


def test_a_profile_whose_clock_can_not_be_read_with_its_points_is_refused(folder):
    (folder.parent / "devices" / "box.yaml").write_text(PROFILE + "clock: {address: 500}\n")
    with pytest.raises(ConfigurationError, match="read in one request"):
        with_profiles(source(use()), folder)


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ({}, "needs registers, or a profile"),
        ({"registers": [{"sensor": "S", "address": 0}], "points": {"a": "A"}}, "needs registers, or a profile"),
        ({"profile": "box"}, "needs points"),
        (use(registers=[{"sensor": "S", "address": 0}]), "no clock or registers of its own"),
        (use(points={"supply": "PS1", "alarm": "PS1"}), "sensor used twice: PS1"),
    ],
)
def test_a_group_is_made_of_registers_or_of_a_profile(group, said):
    with pytest.raises(ValueError, match=said):
        source(group)


def test_a_point_is_in_a_profile_once(folder):
    (folder.parent / "devices" / "box.yaml").write_text(PROFILE + "- {name: supply, address: 0}\n")
    with pytest.raises(ConfigurationError, match="point used twice: supply"):
        with_profiles(source(use()), folder)
