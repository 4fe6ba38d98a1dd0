"""Child processes of the demo: each with its log, none outliving the demo, however it ends."""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from edge_runtime.errors import DemoError

# Below the range that Linux takes the ports of outgoing connections from.
_PORTS = range(20_000, 32_768)


def free_port() -> int:
    """A loopback port that nobody listens on right now; at random, so that two demos don't choose the same."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def program(name: str) -> str:
    """Path of one of the commands that were installed beside this Python.

    Raises:
        DemoError: it isn't there.
    """
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise DemoError(f"{path} is missing", hint="Start the demo with `make demo`, which installs it.")
    return str(path)


@dataclass(frozen=True)
class Account:
    """Whom a child runs as, where that isn't ourselves."""

    uid: int
    gid: int


class Process:
    """One child, in a session of its own.

    Attributes:
        name: what messages call it.
        log: where all that it says goes.
    """

    def __init__(self, name: str, log: Path, child: asyncio.subprocess.Process, stop_signal: signal.Signals) -> None:
        self.name = name
        self.log = log
        self._child = child
        self._stop_signal = stop_signal

    def check(self) -> None:
        """Make sure that it runs.

        Raises:
            DemoError: it has ended.
        """
        if self._child.returncode is not None:
            raise self._error(f"{self.name} ended by itself with status {self._child.returncode}")

    async def until(self, ready: Callable[[], Awaitable[bool]], timeout_s: float = 60) -> None:
        """Wait until `ready()`.

        Raises:
            DemoError: it ended before, or isn't ready in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not await ready():
                    self.check()
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise self._error(f"{self.name} isn't ready after {timeout_s:.0f} s") from error

    async def finish(self, timeout_s: float) -> str:
        """Wait for its end, and return what it said.

        Raises:
            DemoError: it failed, or didn't end in time.
        """
        try:
            status = await asyncio.wait_for(self._child.wait(), timeout_s)
        except TimeoutError as error:
            raise self._error(f"{self.name} didn't end within {timeout_s:.0f} s") from error
        if status != 0:
            raise self._error(f"{self.name} failed with status {status}")
        return self.log.read_text(errors="replace")

    async def stop(self, timeout_s: float = 15) -> None:
        """Ask it to end and wait; then kill whatever is left of its session."""
        if self._child.returncode is None:
            self._child.send_signal(self._stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._child.wait(), timeout_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        await self._child.wait()

    def _error(self, what: str) -> DemoError:
        said = "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])
        return DemoError(f"{what}. It said last:\n{said}", hint=f"All that it said: {self.log}")


class Processes:
    """All children of the demo. Leaving the `async with` block stops them, the youngest first.

    Should the demo be killed, the kernel ends them.
    """

    def __init__(self) -> None:
        self._running: list[Process] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        while self._running:
            await self._running.pop().stop()

    async def start(
        self,
        name: str,
        arguments: Sequence[str | Path],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> Process:
        """Start a child in its log's folder; `environment` adds to ours, `stop_signal` is how it likes to be ended."""
        with log.open("wb") as output:
            child = await asyncio.create_subprocess_exec(
                *_leash(stop_signal, account),
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
                cwd=log.parent,
                start_new_session=True,
            )
        process = Process(name, log, child, stop_signal)
        self._running.append(process)
        return process

    async def run(
        self,
        name: str,
        arguments: Sequence[str | Path],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        account: Account | None = None,
        timeout_s: float = 60,
    ) -> str:
        """Run a command to its end, and return what it said.

        Raises:
            DemoError: it failed, or didn't end in time.
        """
        process = await self.start(name, arguments, log, environment=environment, account=account)
        said = await process.finish(timeout_s)
        self._running.remove(process)
        return said

    async def stop(self, process: Process) -> None:
        """Stop one of them, which is then no longer watched."""
        self._running.remove(process)
        await process.stop()

    async def watch(self) -> NoReturn:
        """Until cancelled, make sure that all of them run.

        Raises:
            DemoError: one has ended by itself.
        """
        while True:
            for process in self._running:
                process.check()
            await asyncio.sleep(0.2)


async def accepts_connections(port: int) -> bool:
    """Whether something listens on the loopback port."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _leash(death_signal: signal.Signals, account: Account | None) -> list[str]:
    """The command prefix that has the kernel signal the child when the demo dies, and that drops root."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if account is not None:
            raise DemoError("setpriv is missing", hint="Install util-linux, or run the demo as a plain user.")
        return []
    drop = [] if account is None else [f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
    return [setpriv, *drop, f"--pdeathsig={death_signal.name.removeprefix('SIG')}", "--"]
