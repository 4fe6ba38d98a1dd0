"""`hydrosight baseline` on a box that has diagnosed six windows, which its model takes for healthy."""

import json
import shutil

import pytest

from edge_runtime.baseline.document import sensors_sha256
from edge_runtime.baseline.shelf import BaselineShelf
from edge_runtime.machine_file import load_machine
from tests.unit.agent.cli.conftest import failed

FIRST, LAST = "2026-01-01T00:00:00Z", "2026-01-01T00:06:00Z"


@pytest.fixture
def healthy(box, bundles):
    """Six windows of a machine that the model takes for healthy."""
    (box.folder / "bundle").unlink()
    (box.folder / "bundle").symlink_to(bundles / "2")
    box.record(windows=6)
    return box


@pytest.fixture
def faulty(box):
    """Six windows of a machine that the model takes for broken."""
    box.record(windows=6)
    return box


@pytest.fixture
def learn(healthy):
    def learn(*options):
        result = healthy.run("baseline", "learn", *options)
        assert result.exit_code == 0, result.output
        return result

    return learn


def test_before_anything_was_learned_it_says_how_to(box):
    assert "hydrosight baseline learn" in box.run("baseline", "show").stdout
    assert box.json("baseline", "show") == {"active": None, "kept": [], "baseline": None}
    assert "hydrosight baseline learn" in failed(box.run("baseline", "compare"), 1)
    assert "no baseline is in use" in failed(box.run("baseline", "forget"), 1)
    assert "no earlier baseline" in failed(box.run("baseline", "restore"), 1)
    assert "no store yet" in failed(box.run("baseline", "learn"), 1)


def test_learning_says_which_regimes_it_found(learn):
    text = " ".join(learn().stdout.split())
    assert "Baseline 1 of tiny, commissioning: 6 windows of 60 s, 2026-01-01 00:00 – 2026-01-01 00:06 UTC" in text
    assert "EPS1 2250–3000 W, oil at any temperature 6" in text
    assert "oil 40–50 °C 3 too few" in text


def test_a_period_is_taken_as_given(healthy):
    summary = healthy.json("baseline", "learn", "--from", FIRST, "--to", "2026-01-01T00:05:00Z")
    assert (summary["version"], summary["windows"], summary["source"]) == (1, 5, "commissioning")
    assert "isn't before" in failed(healthy.run("baseline", "learn", "--from", LAST, "--to", FIRST), 2)
    after = ("--from", "2026-01-02", "--to", "2026-01-03")
    assert "no window to learn from" in failed(healthy.run("baseline", "learn", *after), 1)


def test_the_table_has_each_sensor_of_each_regime(healthy, learn):
    learn()
    text = healthy.run("baseline", "show").stdout
    assert [line for line in text.splitlines() if line.startswith("EPS1 2250–3000 W, oil 40")] == [
        "EPS1 2250–3000 W, oil 40–50 °C (3 windows, fewer than 5: not used)"
    ]
    for sensor, place in (("PS1", "pump pressure_out"), ("TS1", "tank temperature_in")):
        assert any(line.split()[:3] == [sensor, *place.split()] for line in text.splitlines())
    document = healthy.json("baseline", "show")
    assert (document["active"], [one["version"] for one in document["kept"]]) == (1, [1])
    assert set(document["baseline"]["regimes"][0]["sensors"]) == {"PS1", "EPS1", "FS1", "TS1"}


def test_windows_that_look_faulty_are_refused_unless_forced(faulty):
    said = failed(faulty.run("baseline", "learn"), 1)
    assert "6 of 6 windows don't look healthy: 6 × pump at 2" in said
    assert "--force" in said
    assert "no window to learn from" in failed(faulty.run("baseline", "learn", "--leave-out-unfit"), 1)
    assert "contradict each other" in failed(faulty.run("baseline", "learn", "--force", "--leave-out-unfit"), 2)
    assert faulty.json("baseline", "learn", "--force")["windows"] == 6


def test_too_few_windows_to_compare_with_are_not_taken_into_use(healthy):
    said = failed(healthy.run("baseline", "learn", "--to", "2026-01-01T00:03:00Z"), 1)
    assert "3 windows are too few: there are 5 of no regime" in said
    assert healthy.json("baseline", "show")["kept"] == []


def test_what_is_added_comes_after_what_is_known(healthy, learn):
    assert "no baseline to add to" in failed(healthy.run("baseline", "learn", "--add"), 1)
    learn("--to", "2026-01-01T00:05:00Z")
    assert "are known already" in failed(healthy.run("baseline", "learn", "--add", "--from", FIRST), 2)
    learn("--add")
    assert "no window is newer than those that baseline 2" in failed(healthy.run("baseline", "learn", "--add"), 1)
    shown = healthy.json("baseline", "show")
    assert [one["windows"] for one in shown["kept"]] == [5, 6]
    assert shown["baseline"]["regimes"][0]["sensors"]["PS1"]["windows"] == 6


def test_versions_are_forgotten_and_restored(healthy, learn):
    learn()
    learn()
    assert "Baseline 2 is out of use" in healthy.run("baseline", "forget").stdout
    assert "No baseline is in use" in healthy.run("baseline", "show").stdout
    assert "Baseline 2 of" in healthy.run("baseline", "restore").stdout
    assert "Baseline 1 of" in healthy.run("baseline", "restore", "1").stdout
    assert healthy.json("baseline", "show")["active"] == 1
    assert healthy.json("baseline", "show", "--version", "2")["baseline"]["version"] == 2
    assert "0009.json" in failed(healthy.run("baseline", "restore", "9"), 1)
    assert healthy.json("baseline", "forget") == {"forgotten": 1}
    assert healthy.json("baseline", "restore", "2")["version"] == 2


def test_the_newest_windows_are_put_beside_it(healthy, learn):
    learn()
    lines = healthy.run("baseline", "compare", "--last", "3").stdout.splitlines()
    assert "3 windows, beside baseline 1" in " ".join(lines)
    assert sum("as healthy" in line and "│" in line for line in lines) == 4
    document = healthy.json("baseline", "compare", "--last", "3")
    assert (document["windows"], document["compared"]) == (3, 3)
    assert {item["verdict"] for item in document["sensors"]} == {"as healthy"}


def test_a_machine_file_that_has_changed_since_is_told(healthy, learn):
    learn()
    file = healthy.folder / "machine.yaml"
    file.write_text(file.read_text().replace("power_w: 3000", "power_w: 4000"))
    assert healthy.run("baseline", "forget").exit_code == 0
    assert "other sensors, places or ratings" in failed(healthy.run("baseline", "restore"), 1)
    BaselineShelf(healthy.folder / "data" / "baseline").restore()
    for command in (["show"], ["compare"], ["restore", "1"]):
        assert "other sensors, places or ratings" in failed(healthy.run("baseline", *command), 1)
    (check,) = [one for one in json.loads(healthy.run("doctor", "--json").stdout) if one["what"] == "baseline"]
    assert (check["verdict"], check["remedy"]) == ("bad", "Learn it again: hydrosight baseline learn.")
    learn()
    assert healthy.run("baseline", "compare").exit_code == 0


def test_the_doctor_tells_a_baseline_of_other_windows_than_the_model_takes(healthy, learn):
    learn()
    shelf = BaselineShelf(healthy.folder / "data" / "baseline")
    shelf.add(shelf.read(1).model_copy(update={"window_s": 30}))
    (check,) = [one for one in json.loads(healthy.run("doctor", "--json").stdout) if one["what"] == "baseline"]
    assert check["verdict"] == "bad"
    assert "of windows of 30 s, the model's are of 60 s" in check["found"]


def test_windows_from_before_a_sensor_was_renamed_are_not_compared(healthy, learn):
    learn()
    file = healthy.folder / "machine.yaml"
    file.write_text(file.read_text().replace("FS1", "FS9"))
    shelf = BaselineShelf(healthy.folder / "data" / "baseline")
    machine = load_machine(file)
    shelf.add(shelf.read(1).model_copy(update={"sensors_sha256": sensors_sha256(machine)}))
    assert "no window of 60 s with the sensors of the machine file" in failed(healthy.run("baseline", "compare"), 1)


def test_a_damaged_version_does_not_keep_the_others_from_being_used(healthy, learn):
    learn()
    learn()
    folder = healthy.folder / "data" / "baseline"
    shutil.copyfile(folder / "state.json", folder / "0001.json")
    assert healthy.run("baseline", "compare").exit_code == 0
    assert "0001.json" in failed(healthy.run("baseline", "restore", "1"), 1)
    shown = healthy.run("baseline", "show")
    assert shown.exit_code == 0
    assert "0001.json" in shown.stderr
