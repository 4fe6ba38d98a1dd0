import textwrap

import pytest

from agent.settings import load_settings
from agent.store.thinning import ThinningRule, Trigger
from edge_runtime.errors import ConfigurationError

GOOD = """\
machine: machine.yaml
data_directory: data
sources:
  modbus:
  - name: plc
    transport: {type: tcp, host: 10.0.0.1}
    groups:
    - registers:
      - {sensor: PS1, kind: holding, address: 0, type: float32}
  mqtt:
  - name: rig
    host: broker.local
    password_file: secrets/rig
    username: box
    topics:
    - {topic: rig/FS1, sensor: FS1}
model: {bundle: ../models/rig}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "agent.yaml"
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    return write


def test_paths_are_relative_to_the_file(write, tmp_path):
    settings = load_settings(write(GOOD))
    assert settings.machine == tmp_path / "machine.yaml"
    assert settings.model.bundle == tmp_path / ".." / "models" / "rig"
    assert settings.sources.mqtt[0].password_file == tmp_path / "secrets" / "rig"
    assert settings.store_file == tmp_path / "data" / "store.db"
    assert settings.credential_file == tmp_path / "data" / "credential.json"


def test_absolute_paths_stay(write):
    settings = load_settings(write(GOOD.replace("data_directory: data", "data_directory: /var/lib/hydrosight")))
    assert str(settings.store_file) == "/var/lib/hydrosight/store.db"


def test_a_named_credential_file_wins(write, tmp_path):
    text = GOOD + "centre: {url: 'https://centre.example.com', credential_file: id.json}\n"
    assert load_settings(write(text)).credential_file == tmp_path / "id.json"


def test_a_missing_file_is_named_with_what_to_do(tmp_path):
    with pytest.raises(ConfigurationError, match=r"agent\.yaml: no such file") as caught:
        load_settings(tmp_path / "agent.yaml")
    assert "--config" in caught.value.hint


@pytest.mark.parametrize(
    ("right", "wrong", "line", "said"),
    [
        ("machine: machine.yaml", "mashine: machine.yaml", 1, "did you mean machine"),
        ("host: 10.0.0.1", "host: 10.0.0.1, prot: 502", 6, "did you mean port"),
        ("address: 0", "address: -1", 9, "greater than or equal to 0"),
        ("type: float32", "type: float31", 9, "float32"),
        ("data_directory: data", "data_directory: data\nwindows: {lateness_s: -1}", 3, "lateness_s"),
        ("sensor: FS1", "sensor: PS1", 3, "sensor used twice: PS1"),
        ("name: rig", "name: plc", 3, "source name used twice: plc"),
        ("model: {bundle: ../models/rig}", "model: {bundle: ../models/rig", 18, "not valid YAML"),
        ("model: {bundle: ../models/rig}", "model: {}", 17, "bundle"),
        ("model: {bundle: ../models/rig}", "model: {bundle: b, threads: 0}", 17, "threads"),
        ("data_directory: data", "data_directory: data\nstore: {max_bytes: 1}", 3, "max_bytes"),
        ("data_directory: data", "data_directory: data\nalerts: {min_confidence: 2}", 3, "min_confidence"),
        ("data_directory: data", "data_directory: data\nhealth: {port: 70000}", 3, "port"),
        ("data_directory: data", "data_directory: data\ncentre: {url: centre.example.com}", 3, "url"),
    ],
)
def test_a_fault_is_named_with_file_line_and_remedy(write, right, wrong, line, said):
    file = write(GOOD.replace(right, wrong))
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file)
    assert f"{file}:{line}:" in str(caught.value)
    assert said in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_without_any_source_there_is_nothing_to_do(write):
    start, end = GOOD.index("  modbus"), GOOD.index("model:")
    with pytest.raises(ConfigurationError, match="no source: name at least one"):
        load_settings(write(GOOD[:start] + "  modbus: []\n" + GOOD[end:]))


def test_the_store_gets_its_limits(write):
    text = GOOD + "store: {max_bytes: 100000000, min_free_bytes: 5}\n"
    retention = load_settings(write(text)).store.retention
    assert (retention.max_bytes, retention.min_free_bytes) == (100_000_000, 5)


def test_readings_are_thinned_only_where_it_is_asked_for(write):
    assert load_settings(write(GOOD)).store.thinning is None
    thinning = load_settings(write(GOOD + "store: {thinning: {}}\n")).store.thinning
    assert thinning is not None
    assert thinning.rule == ThinningRule(10.0, 2_000_000, 5_000_000, (), 20.0)


def test_triggers_are_taken_in_the_stores_units(write):
    triggers = "[{sensor: PS1, change: 5}, {sensor: V1, change: 50, within_s: 0.1}]"
    thinning = load_settings(write(GOOD + f"store: {{thinning: {{triggers: {triggers}}}}}\n")).store.thinning
    assert thinning is not None
    assert thinning.rule.triggers == (Trigger("PS1", 5.0, 500_000), Trigger("V1", 50.0, 100_000))
