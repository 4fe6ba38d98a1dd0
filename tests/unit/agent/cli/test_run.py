import io
import json
import os

import pytest
from structlog.testing import capture_logs

from agent.cli.run import LogStream, withdraw_running, write_running
from tests.unit.agent.cli.conftest import failed


class FullDisk(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")

    def flush(self):
        raise OSError(28, "No space left on device")


def test_a_log_level_that_does_not_exist_is_wrong_usage(box):
    result = box.run("run", "--log-level", "loud")
    assert result.exit_code == 2
    assert "loud" in result.stderr


def test_an_agent_without_its_machine_file_does_not_start(box):
    (box.folder / "machine.yaml").unlink()
    assert "machine.yaml" in failed(box.run("run"), 2)
    assert not (box.folder / "data").exists()


def test_a_source_that_names_an_unknown_sensor_keeps_the_agent_from_starting(box):
    topics = [{"topic": "rig/PS99", "sensor": "PS99"}]
    box.configure(sources={"mqtt": [{"name": "rig", "host": "127.0.0.1", "port": 1, "topics": topics}]})
    assert "machine tiny has no sensor PS99" in failed(box.run("run"), 2)


def test_the_agent_leaves_a_note_while_it_runs(tmp_path):
    file = tmp_path / "running.json"
    write_running(file, 9273)
    assert json.loads(file.read_text()) == {"health_port": 9273, "pid": os.getpid()}
    withdraw_running(file)
    assert not file.exists()


def test_the_note_of_another_agent_is_left_alone(tmp_path):
    file = tmp_path / "running.json"
    file.write_text(json.dumps({"health_port": 9273, "pid": os.getpid() + 1}))
    withdraw_running(file)
    assert file.exists()


@pytest.mark.parametrize("content", [None, "", "[]", "{}", "null"])
def test_a_note_that_is_missing_or_damaged_does_not_matter_at_the_end(tmp_path, content):
    file = tmp_path / "running.json"
    if content is not None:
        file.write_text(content)
    withdraw_running(file)
    assert file.exists() is (content is not None)


def test_a_note_that_cannot_be_written_is_logged_and_the_agent_goes_on(tmp_path):
    with capture_logs() as said:
        write_running(tmp_path / "nowhere" / "running.json", 9273)
    assert [line["event"] for line in said] == ["running_file_not_written"]


def test_a_log_that_cannot_be_written_does_not_end_the_agent():
    stream = LogStream(FullDisk())
    assert stream.write("a line\n") == 7
    stream.flush()


def test_a_log_that_can_be_written_is():
    sink = io.StringIO()
    LogStream(sink).write("a line\n")
    assert sink.getvalue() == "a line\n"
