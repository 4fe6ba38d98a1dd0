import pytest
import yaml

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
    assert shown == box.json("config", "show")


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
