import pytest
import yaml

from agent.remote.document import RemoteDocument
from agent.remote.trial import Trial
from agent.remote.trial_file import TrialFile
from agent.settings import load_settings
from tests.unit.agent.cli.conftest import failed


@pytest.fixture
def new(box):
    """A second settings file, with these sections replaced."""

    def new(**changes):
        document = yaml.safe_load(box.config.read_text()) | changes
        file = box.folder / "new.yaml"
        file.write_text(yaml.safe_dump(document))
        return str(file)

    return new


def sources(box, **changes):
    (source,) = yaml.safe_load(box.config.read_text())["sources"]["mqtt"]
    return {"mqtt": [source | changes]}


def test_right_settings_are_summed_up_by_source(box):
    shown = " ".join(box.run("config", "check").stdout.split())
    assert "rig mqtt 127.0.0.1:1" in shown
    assert "sensors of tiny read" in shown
    assert "no source reads" not in shown


def test_a_mistake_in_the_advice_is_named_with_its_line(box):
    rule = "rules:\n  - fault: leak\n    action: Call the workshop.\n    check: Look at it first.\n"
    (box.folder / "advice.yaml").write_text("schema_version: 1\n" + rule)
    box.configure(advice="advice.yaml")
    assert "advice.yaml:3: rules.0.fault: Input should be 'pressure_drop'" in failed(box.run("config", "check"), 2)


def test_sensors_that_no_source_reads_are_named(box):
    first, *others = sources(box)["mqtt"][0]["topics"]
    box.configure(sources=sources(box, topics=others))
    assert f"no source reads {first['sensor']}: windows will lack them" in box.run("config", "check").stdout
    assert box.json("config", "check")["unread_sensors"] == [first["sensor"]]


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ({"alerts": {"raise_afer": 1}}, "did you mean raise_after"),
        ({"machine": "missing.yaml"}, "missing.yaml"),
        ({"sources": {"mqtt": []}}, "no source"),
    ],
)
def test_any_mistake_ends_with_2_and_says_where(box, mistake, said):
    box.configure(**mistake)
    assert said in failed(box.run("config", "check"), 2)


def test_a_sensor_that_the_machine_has_not_is_a_mistake(box):
    box.configure(sources=sources(box, topics=[{"topic": "rig/x", "sensor": "XX"}]))
    assert "machine tiny has no sensor XX" in failed(box.run("config", "check"), 2)


def test_settings_are_shown_with_defaults_and_absolute_paths(box):
    shown = yaml.safe_load(box.run("config", "show").stdout)
    assert shown["alerts"] == {"raise_after": 1, "clear_after": 3, "min_confidence": 0.5}
    assert shown["data_directory"] == str(box.folder / "data")
    assert shown == box.json("config", "show")["settings"]


def test_what_is_shown_can_be_read_again(box):
    text = box.run("config", "show").stdout
    box.config.write_text(text)
    assert box.run("config", "show").stdout == text


def test_a_difference_says_what_a_reload_would_do(box, new):
    shown = box.run("config", "diff", new(alerts={"raise_after": 4}, sources=sources(box, port=2))).stdout
    assert shown.splitlines() == [
        "sources.mqtt.rig.port: changed 1 to 2",
        "alerts.raise_after: changed 1 to 4",
        "restart rig; change windows and alerts",
    ]


def test_a_difference_that_needs_a_restart_ends_with_2(box, new):
    result = box.run("config", "diff", new(data_directory="elsewhere"))
    assert "systemctl restart hydrosight" in failed(result, 2)
    assert "data_directory: changed" in result.stdout


def test_the_difference_to_itself_is_none(box):
    assert box.run("config", "diff", str(box.config)).stdout == "nothing changed\n"
    assert box.json("config", "diff", str(box.config))["keep"] == ["rig"]


@pytest.fixture
def document(box):
    """A settings document as the operator has it before it is published."""

    def document(**sections):
        file = box.folder / "document.yaml"
        file.write_text(yaml.safe_dump(sections))
        return str(file)

    return document


def test_a_document_can_be_tried_before_it_is_published(box, document):
    shown = box.run("config", "try", document(alerts={"raise_after": 4})).stdout
    assert shown.splitlines() == ["alerts.raise_after: changed 1 to 4", "keep rig; change windows and alerts"]


def test_a_document_that_the_box_would_refuse_ends_with_2_and_names_the_line(box, document):
    said = failed(box.run("config", "try", document(broker={"host": "mine"})), 2)
    assert f"{box.folder / 'document.yaml'}:2: broker.host: can't be changed from the centre" in said
    assert "can't be read" in failed(box.run("config", "try", "nowhere.yaml"), 2)


def test_what_the_centre_has_set_is_shown_with_its_origin(box):
    box.configure(
        centre={"url": "https://centre"},
        model={"bundle": "bundle", "trust_root": "root.json"},
        remote_settings={},
    )
    offered = RemoteDocument(addressee="tiny", version=3, text="alerts: {raise_after: 7}\n")
    trial = Trial().activated(offered, probation_s=1, watched=())
    TrialFile(load_settings(box.config).remote_trial_file).write(trial)
    text = box.run("config", "show").stdout
    assert "# from remote settings version 3 for tiny\nalerts:\n  raise_after: 7\n" in text
    shown = box.json("config", "show")
    assert shown["origins"]["alerts"] == "remote settings version 3 for tiny"
    assert shown["origins"]["sources"] == str(box.config)


def test_remote_settings_need_somebody_to_trust(box):
    box.configure(remote_settings={})
    assert "remote_settings needs centre and model.trust_root" in failed(box.run("config", "check"), 2)
