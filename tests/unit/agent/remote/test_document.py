import pytest
import yaml

from agent.remote.document import MAY_CHANGE, RemoteDocument
from agent.settings import AgentSettings
from edge_runtime.errors import ConfigurationError
from tests.unit.agent.reloading import SENSORS, configuration, modbus, mqtt

PASSWORD = {"username": "box", "password_file": "/etc/hydrosight/password"}
OTHER = {"type": "tcp", "host": "other"}
LOCAL = configuration(
    modbus=[modbus("plc", SENSORS[0])],
    mqtt=[mqtt("rig", SENSORS[1], **PASSWORD)],
    centre={"url": "https://centre", "ca_file": "/etc/ca.pem"},
    broker={"host": "broker"},
    alerts={"raise_after": 4, "clear_after": 9},
).local


def document(**sections):
    return RemoteDocument(addressee="tiny", version=3, text=yaml.safe_dump(sections, sort_keys=False))


def refused(**sections):
    with pytest.raises(ConfigurationError) as refusal:
        document(**sections).over(LOCAL)
    assert str(refusal.value).startswith("remote settings version 3 for tiny:")
    return str(refusal.value)


def test_its_sections_take_the_place_of_the_boxs_own_as_a_whole():
    settings = document(alerts={"raise_after": 7}, windows={"lateness_s": 9}).over(LOCAL)
    assert (settings.alerts.raise_after, settings.alerts.clear_after) == (7, 3)
    assert settings.windows.lateness_s == 9
    assert settings.sources == LOCAL.sources
    assert settings.centre == LOCAL.centre


@pytest.mark.parametrize(
    ("section", "given"),
    [
        ("machine", "/other.yaml"),
        ("data_directory", "/elsewhere"),
        ("model", {"trust_root": "/mine"}),
        ("broker", {"host": "mine"}),
        ("centre", {"url": "https://mine"}),
        ("centre", {"ca_file": "/mine"}),
        ("centre", {"credential_file": "/mine"}),
        ("health", {"host": "0.0.0.0"}),
        ("remote_settings", {"patience_s": 3600}),
        ("anything", None),
    ],
)
def test_nothing_else_can_be_changed(section, given):
    assert "can't be changed from the centre" in refused(**{section: given})


def test_what_the_uplink_may_use_is_changed_setting_by_setting():
    centre = document(centre={"max_rate": 5000, "metered": True}).over(LOCAL).centre
    assert (centre.max_rate, centre.metered) == (5000, True)
    assert (centre.url, str(centre.ca_file)) == ("https://centre", "/etc/ca.pem")


def test_what_the_uplink_may_use_is_nothing_without_a_centre():
    local = configuration(modbus=[modbus("plc", SENSORS[0])]).local
    with pytest.raises(ConfigurationError, match=r"centre\.url: is missing"):
        document(centre={"metered": True}).over(local)


def test_a_mistake_is_named_with_its_line():
    said = refused(windows={"lateness_s": 2}, alerts={"raise_afer": 7})
    assert "remote settings version 3 for tiny:4: alerts.raise_afer: there is no such key" in said


@pytest.mark.parametrize("text", ["", "- a list", "{", "alerts: {}\nalerts: {}"])
def test_what_is_no_mapping_is_refused(text):
    with pytest.raises(ConfigurationError):
        RemoteDocument(addressee="tiny", version=3, text=text).over(LOCAL)


def test_a_new_source_can_be_added_and_one_taken_away():
    settings = document(sources={"modbus": [modbus("press", SENSORS[0])]}).over(LOCAL)
    assert [source.name for source in settings.sources.every] == ["press"]


@pytest.mark.parametrize("key", ["password_file", "ca_file"])
def test_a_new_source_can_name_no_file(key):
    files = {"username": "x", "tls": True, key: "/etc/shadow"}
    assert "/etc/shadow" in refused(sources={"mqtt": [mqtt("press", SENSORS[1], **files)]})


def test_what_a_source_with_a_password_reads_can_be_changed_and_its_password_stays():
    changed = {"name": "rig", "topics": [{"topic": "other", "sensor": SENSORS[1]}]}
    (source,) = document(sources={"mqtt": [changed]}).over(LOCAL).sources.mqtt
    assert source.topics[0].topic == "other"
    assert (source.host, source.username, str(source.password_file)) == ("broker", "box", PASSWORD["password_file"])


@pytest.mark.parametrize("change", [{"host": "mine"}, {"port": 1}, {"tls": True}, {"password_file": "/mine"}])
def test_where_a_password_is_sent_can_not_be_changed(change):
    said = refused(sources={"mqtt": [mqtt("rig", SENSORS[1], **change)]})
    assert f"source rig: {next(iter(change))}: can't be changed from the centre" in said


def test_a_source_without_files_can_be_moved():
    (source,) = document(sources={"modbus": [modbus("plc", SENSORS[0], transport=OTHER)]}).over(LOCAL).sources.modbus
    assert source.transport.host == "other"


@pytest.mark.parametrize("key", MAY_CHANGE)
def test_what_may_be_changed_is_a_setting(key):
    section, _, name = key.partition(".")
    assert section in AgentSettings.model_fields
    if name:
        assert name in type(getattr(LOCAL, section)).model_fields
