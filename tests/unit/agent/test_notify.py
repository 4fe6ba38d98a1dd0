import os
import socket
import time
from contextlib import closing

import pytest

from agent.notify import Notifier, watchdog_interval_s


@pytest.fixture
def systemd():
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as receiver:
        receiver.settimeout(5)
        yield receiver


@pytest.mark.parametrize("abstract", [False, True])
def test_every_message_is_one_datagram(systemd, tmp_path, abstract):
    name = f"hydrosight-test-{os.getpid()}"
    systemd.bind("\0" + name if abstract else str(tmp_path / "notify"))
    notifier = Notifier("@" + name if abstract else str(tmp_path / "notify"))
    notifier.ready()
    notifier.status("diagnosing")
    notifier.alive()
    notifier.stopping()
    heard = [systemd.recv(100) for _ in range(4)]
    assert heard == [b"READY=1", b"STATUS=diagnosing", b"WATCHDOG=1", b"STOPPING=1"]


def test_a_reload_names_its_moment_on_the_monotonic_clock(systemd, tmp_path):
    systemd.bind(str(tmp_path / "notify"))
    before = time.monotonic_ns() // 1000
    Notifier(str(tmp_path / "notify")).reloading()
    state, moment = systemd.recv(100).decode().split("\n")
    assert state == "RELOADING=1"
    assert before <= int(moment.removeprefix("MONOTONIC_USEC=")) <= time.monotonic_ns() // 1000


def test_the_address_is_systemds(systemd, tmp_path, monkeypatch):
    systemd.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    Notifier().ready()
    assert systemd.recv(100) == b"READY=1"


def test_without_systemd_nothing_is_sent(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().ready()


def test_a_listener_that_is_gone_does_not_end_the_agent(systemd, tmp_path):
    address = tmp_path / "notify"
    Notifier(str(address)).alive()
    systemd.bind(str(address))
    systemd.close()
    Notifier(str(address)).alive()


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [(None, None, None), ("20000000", None, 10.0), ("20000000", "own", 10.0), ("20000000", "1", None)],
)
def test_the_watchdog_is_fed_at_half_its_limit(monkeypatch, usec, pid, expected):
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert watchdog_interval_s() == expected
