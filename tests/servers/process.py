"""Server processes of the tests: on ports of their own, and dead when pytest is, however it ends."""

import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class PortTakenError(Exception):
    """Somebody took the port between choosing and binding."""


def accepts_connections(port: int) -> bool:
    """Whether something listens on the port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class ServerProcess:
    """One child process that listens on a loopback port.

    `death_signal` is what the kernel sends it when pytest dies without stopping it.
    """

    def __init__(
        self, command: Sequence[str], port: int, log: Path, *, death_signal: signal.Signals, user: int | None = None
    ) -> None:
        self.command = tuple(command)
        self.port = port
        self.log = log
        self._death_signal = death_signal
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self, ready: Callable[[], bool] | None = None, timeout_s: float = 60) -> None:
        """Start it and wait until `ready()`, by default until it listens.

        Raises:
            PortTakenError: it ended because the port isn't free.
        """
        ready = ready or (lambda: accepts_connections(self.port))
        death_signal = self._death_signal

        def die_with_pytest() -> None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal)

        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_pytest,  # noqa: PLW1509  only one thread forks here, and prctl takes no locks
                start_new_session=True,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
            )
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                said = self.log.read_text(errors="replace")[-2000:]
                if "already in use" in said:
                    raise PortTakenError(said)
                pytest.fail(f"{self.command[0]} didn't start:\n{said}", pytrace=False)
            time.sleep(0.01)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM, timeout_s: float = 20) -> None:
        """Ask it to end and wait; killed when it doesn't."""
        if self._process is None:
            return
        self._process.send_signal(with_signal)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    @property
    def pid(self) -> int:
        """Its number, while it runs."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
