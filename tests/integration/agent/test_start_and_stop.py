"""The agent as a service: it starts or says why not, tells systemd how it is, and ends when it is told to."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rig.agent import Agent
from tests.rig.program import Program
from tests.rig.recordings import unbroken, write
from tests.rig.rig import Rig
from tests.rig.until import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

STOP_S = 5
"""The issue's limit from SIGTERM to the end."""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path / "rig") as rig:
        yield rig


def test_sigterm_stores_what_has_arrived_and_says_goodbye(rig: Rig, tmp_path: Path) -> None:
    """With a beat a minute nothing but the end itself can have stored the readings of the second beat."""
    played = unbroken(2)
    agent, listener = rig.agent(), rig.listener()
    agent.settings["store"]["flush_interval_s"] = 60
    agent.start()
    until(lambda: listener.statuses == ["online"], "the agent is connected")
    rig.simulator.start(write(tmp_path / "recording", played))
    rig.simulator.finish()
    assert agent.stop(STOP_S) == 0
    until(lambda: listener.statuses[-1] == "offline", "the agent says goodbye")
    with agent.store() as store:
        kept = store.series(0, 2**62)
    assert kept["FS1"].times_us.tolist() == played["FS1"].times_us.tolist()
    assert len(kept["PS1"]) > 0
    assert not (agent.data / "running.json").exists()
    assert [line for line in agent.log if line["level"] in {"error", "critical"}] == []


def test_it_stops_in_time_when_everything_around_it_is_gone(rig: Rig) -> None:
    agent = rig.agent()
    agent.start()
    rig.broker.kill()
    for part in ("source plc", "source rig", "alerts broker"):
        until(lambda part=part: agent.changes(part), f"{part} is missed")
    assert agent.stop(STOP_S) == 0


def test_it_tells_systemd_that_it_is_ready_alive_and_stopping(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        agent = rig.agent()
        agent.start()
        assert systemd.recv(100) == b"READY=1"
        assert systemd.recv(100) == b"WATCHDOG=1"
        assert agent.stop(STOP_S) == 0
        systemd.settimeout(1)
        heard = b""
        while b"STOPPING" not in heard:
            heard = systemd.recv(100)
        assert heard == b"STOPPING=1"


def test_a_second_agent_on_the_same_store_is_refused_and_the_first_one_stays_known(rig: Rig) -> None:
    first = rig.agent()
    first.start()
    note = until(lambda: (first.data / "running.json").exists() and (first.data / "running.json").read_bytes(), "")
    second = Program("agent.cli.main", ["run", "--config", first.config], rig.folder / "second.log")
    second.start()
    assert second.wait(30) == 1
    said = " ".join(second.lines)
    assert str(first.program.pid) in said
    assert "hint:" in said
    assert first.program.running
    assert (first.data / "running.json").read_bytes() == note


def misspelled_key(agent: Agent) -> str:
    transport = agent.settings["sources"]["modbus"][0]["transport"]
    transport["hots"] = transport.pop("host")
    return "did you mean host"


def no_bundle(agent: Agent) -> str:
    agent.settings["model"]["bundle"] = "/nowhere/bundle"
    return "/nowhere/bundle"


@pytest.mark.parametrize("mistake", [misspelled_key, no_bundle])
def test_wrong_settings_end_with_2_and_say_what_to_do(rig: Rig, mistake: Callable[[Agent], str]) -> None:
    agent = rig.agent()
    named = mistake(agent)
    agent.configure()
    agent.program.start()
    assert agent.program.wait(30) == 2
    said = " ".join(" ".join(agent.program.lines).split())
    assert "Traceback" not in said
    assert named in said
    assert "hint:" in said


def test_ctrl_c_ends_it_like_sigterm(rig: Rig) -> None:
    agent = rig.agent()
    agent.start()
    os.kill(agent.program.pid, signal.SIGINT)
    assert agent.program.wait(STOP_S) == 0
