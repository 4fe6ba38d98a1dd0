import numpy as np
import pytest

from edge_runtime.diagnosis import Diagnosis
from edge_runtime.reading import Series
from edge_runtime.recording_writer import write_recording
from tests.models.tiny_bundle import TINY_MACHINE, WINDOW_US, tiny_machine, window_of
from tests.unit.agent.cli.conftest import FIRST_WINDOW_US, failed


def diagnoses_in(output):
    return [Diagnosis.model_validate_json(line) for line in output.splitlines()]


@pytest.fixture
def recording(tmp_path):
    """Three windows, and between the second and the third one without any reading."""
    parts = {sensor.name: [] for sensor in tiny_machine().sensors}
    for number in (0, 1, 3):
        window = window_of(tiny_machine(), start_us=FIRST_WINDOW_US + number * WINDOW_US)
        for channel in window.channels:
            times_us = window.start_us + np.arange(len(channel.values), dtype=np.int64) * channel.step_us
            parts[channel.sensor].append((times_us, channel.values.astype(np.float64)))
    series = {
        name: Series.ordered(np.concatenate([t for t, _ in some]), np.concatenate([v for _, v in some]))
        for name, some in parts.items()
    }
    write_recording(tmp_path / "recording", series)
    return tmp_path / "recording"


@pytest.fixture
def offline(box, recording):
    """The options of offline diagnosis, by name."""
    return {
        "--machine": str(box.folder / "machine.yaml"),
        "--bundle": str(box.folder / "bundle"),
        "--recording": str(recording),
    }


def flat(options):
    return [part for option in options.items() for part in option]


class TestLive:
    def test_the_latest_diagnosis_is_shown_with_what_to_do(self, recorded):
        result = recorded.run("diagnose")
        assert result.exit_code == 0
        assert "2026-01-01 00:02:00 – 00:03:00 UTC" in result.stdout
        for part in ("tiny", "pump", "valve", "accumulator", "failure", "tiny 1.0.0"):
            assert part in result.stdout
        assert "tank" not in result.stdout

    def test_it_says_what_to_do_and_by_when(self, recorded):
        shown = " ".join(recorded.run("diagnose").stdout.split())
        assert "failure, at once:" in shown
        assert "no trend yet: 0.0 days of history, 7 needed" in shown

    def test_json_is_the_diagnosis_itself(self, recorded):
        diagnosis = Diagnosis.model_validate(recorded.json("diagnose"))
        assert diagnosis.machine == "tiny"
        assert diagnosis.component("pump").level == "2"

    def test_the_last_ones_come_in_order_of_time(self, recorded):
        result = recorded.run("diagnose", "--last", "10", "--json")
        assert [diagnosis.window_end.minute for diagnosis in diagnoses_in(result.stdout)] == [1, 2, 3]

    def test_several_are_a_line_each(self, recorded):
        result = recorded.run("diagnose", "--last", "2")
        lines = [line for line in result.stdout.splitlines() if line.startswith("2026-")]
        assert [line[:19] for line in lines] == ["2026-01-01 00:02:00", "2026-01-01 00:03:00"]

    def test_before_the_first_window_it_says_so(self, box):
        box.record(windows=0)
        assert "No diagnosis yet" in box.run("diagnose").stdout
        assert box.run("diagnose", "--json").stdout == ""

    def test_a_damaged_settings_file_is_a_wrong_configuration(self, box):
        box.config.write_text("machine: [")
        assert f"{box.config}:1" in failed(box.run("diagnose"), 2)

    @pytest.mark.parametrize("last", ["0", "-1", "many"])
    def test_a_number_that_makes_no_sense_is_wrong_usage(self, recorded, last):
        assert recorded.run("diagnose", "--last", last).exit_code == 2


class TestOffline:
    def test_every_window_that_holds_data_is_a_line(self, box, offline):
        result = box.run("diagnose", *flat(offline), "--json")
        assert result.exit_code == 0
        assert [diagnosis.window_end.minute for diagnosis in diagnoses_in(result.stdout)] == [1, 2, 4]

    def test_it_gives_what_the_agent_would_have(self, recorded, offline):
        offline_ones = diagnoses_in(recorded.run("diagnose", *flat(offline), "--json").stdout)
        agents = diagnoses_in(recorded.run("diagnose", "--last", "3", "--json").stdout)
        for ours, theirs in zip(offline_ones[:2], agents[:2], strict=True):
            assert ours.model_copy(update={"inference_ms": 0.0}) == theirs.model_copy(update={"inference_ms": 0.0})

    def test_it_needs_neither_settings_nor_agent(self, box, offline):
        box.config.unlink()
        result = box.run("diagnose", *flat(offline))
        assert result.exit_code == 0
        assert len([line for line in result.stdout.splitlines() if line.startswith("2026-")]) == 3

    @pytest.mark.parametrize("left_out", ["--machine", "--bundle", "--recording"])
    def test_an_option_left_out_is_wrong_usage(self, box, offline, left_out):
        del offline[left_out]
        message = failed(box.run("diagnose", *flat(offline)), 2)
        assert "together" in message
        assert "hydrosight diagnose --machine" in message

    @pytest.mark.parametrize(("option", "code"), [("--machine", 2), ("--bundle", 1), ("--recording", 1)])
    def test_what_is_not_there_is_named(self, box, offline, option, code):
        offline[option] = str(box.folder / "nowhere")
        assert "nowhere" in failed(box.run("diagnose", *flat(offline)), code)

    def test_a_recording_of_another_machine_is_refused(self, box, offline):
        other = box.folder / "other.yaml"
        other.write_text(TINY_MACHINE.replace("name: FS1", "name: FS9"))
        assert "FS1" in failed(box.run("diagnose", *flat(offline | {"--machine": str(other)})), 1)
