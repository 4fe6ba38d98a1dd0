import json
import os
import signal

import pytest
from structlog.testing import capture_logs

from agent.cli.run import write_running
from agent.health import HealthServer
from agent.settings import HealthSettings, load_settings
from agent.status import AgentStatus
from agent.view import HealthView
from tests.unit.agent.cli.conftest import failed


@pytest.fixture
def agent(box, monkeypatch):
    """An agent that answers a SIGHUP at once, as `agent.outcome` says; None: never."""

    class Agent(AgentStatus):
        outcome = None

    status = Agent()
    status.outcome = {"applied": True, "message": "restart rig"}

    def kill(pid, number):
        assert (pid, number) == (os.getpid(), signal.SIGHUP)
        if status.outcome:
            with capture_logs():
                status.reloaded(**status.outcome)

    monkeypatch.setattr(os, "kill", kill)
    with HealthServer(HealthSettings(port=0), HealthView(status, lambda: None)) as server:
        write_running(load_settings(box.config).running_file, server.port)
        yield status


@pytest.fixture(autouse=True)
def _data_directory(box):
    load_settings(box.config).data_directory.mkdir()


def test_what_was_done_is_said(box, agent):
    assert box.run("reload").stdout == "reloaded: restart rig\n"
    assert box.json("reload") == {"applied": True, "message": "restart rig", "hint": ""}


def test_an_earlier_outcome_is_not_taken_for_this_one(box, agent):
    agent.reloaded(applied=False, message="long ago")
    assert box.run("reload").exit_code == 0


def test_a_refusal_ends_with_2_and_is_in_the_status(box, agent):
    agent.outcome = {"applied": False, "message": "data_directory: can't be changed", "hint": "Restart it."}
    assert "error: reload refused: data_directory: can't be changed hint: Restart it." in failed(box.run("reload"), 2)
    assert json.loads(box.run("reload", "--json").stdout)["applied"] is False
    condition = box.json("status")["conditions"]["settings"]
    assert condition == {
        "healthy": False,
        "message": "reload refused: data_directory: can't be changed",
        "hint": "Restart it.",
    }


def test_no_answer_in_time_fails(box, agent):
    agent.outcome = None
    assert "no outcome within 0.1 s" in failed(box.run("reload", "--timeout-s", "0.1"), 1)


def test_wrong_settings_are_said_without_asking_the_agent(box, agent):
    box.configure(alerts={"raise_afer": 1})
    assert "did you mean raise_after" in failed(box.run("reload"), 2)
    assert agent.snapshot().reload is None


def test_without_an_agent_it_says_how_to_start_one(box):
    assert "hydrosight run" in failed(box.run("reload"), 1)
