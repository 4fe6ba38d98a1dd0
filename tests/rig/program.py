"""One of our commands in a process of its own: with its log, and dead when pytest is, however it ends."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
STARTS = "from {module} import main; main()"


class Program:
    """A command that is started, stopped and killed at will. What it says goes to `log`, one run after the other."""

    def __init__(self, module: str, arguments: Sequence[str | Path], log: Path) -> None:
        self._command = (sys.executable, "-c", STARTS.format(module=module), *map(str, arguments))
        self._process: subprocess.Popen[bytes] | None = None
        self._run_from = 0
        self.log = log
        log.touch()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def lines(self) -> list[str]:
        """What this run has said, up to the last whole line."""
        said = self.log.read_bytes()[self._run_from :].decode(errors="replace")
        return said.splitlines()[: said.count("\n")]

    def start(self) -> None:
        """Start it; who needs it to be ready waits for that."""
        assert not self.running
        self._run_from = self.log.stat().st_size
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                preexec_fn=_die_with_pytest,  # noqa: PLW1509  only one thread forks here, and prctl takes no locks
                start_new_session=True,
            )

    def wait(self, timeout_s: float) -> int:
        """Wait for its end and return its exit status."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    def terminate(self) -> None:
        """SIGTERM, as systemd would."""
        assert self._process is not None
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL, as a power cut would. Nothing to do when it isn't there."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _die_with_pytest() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
