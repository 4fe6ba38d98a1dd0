"""A real Mosquitto broker."""

import getpass
import shutil
import signal
from pathlib import Path

import pytest

from demo.process import free_port
from tests.servers.process import PortTakenError, ServerProcess

_PROGRAM = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")


class Mosquitto:
    """A broker on a loopback port; it keeps sessions and retained messages over `stop()` and `start()`, not `kill()`.

    `settings` are further lines of its configuration, such as a password file; without any it lets everybody in.
    """

    host = "127.0.0.1"

    def __init__(self, directory: Path, settings: str = "allow_anonymous true") -> None:
        if _PROGRAM is None:
            pytest.fail("The tests need a Mosquitto broker: sudo apt-get install mosquitto", pytrace=False)
        self._program = _PROGRAM
        self._directory = directory
        self._settings = settings
        self._process = self._first_start()

    @property
    def port(self) -> int:
        """The port, the same for the broker's whole life."""
        return self._process.port

    def start(self) -> None:
        """Start it again after `stop()` or `kill()`; nothing to do when it runs."""
        if not self._process.running:
            self._process.start()

    def stop(self) -> None:
        """Stop it as an operator would."""
        self._process.stop()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()

    def _first_start(self) -> ServerProcess:
        for _ in range(10):
            process = self._configure(free_port())
            try:
                process.start()
            except PortTakenError:
                continue
            return process
        return pytest.fail("No free port for Mosquitto in ten tries.", pytrace=False)

    def _configure(self, port: int) -> ServerProcess:
        configuration = self._directory / "mosquitto.conf"
        configuration.write_text(
            f"listener {port} {self.host}\n"
            f"user {getpass.getuser()}\n"
            "persistence true\n"
            f"persistence_location {self._directory}/\n"
            f"{self._settings}\n"
        )
        log = self._directory / f"mosquitto-{port}.log"
        command = (self._program, "-c", str(configuration))
        return ServerProcess(command, port, log, death_signal=signal.SIGKILL)
