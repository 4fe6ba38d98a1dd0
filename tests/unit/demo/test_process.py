"""Children of the demo: what they say when they fail, and that none stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from demo.process import Process, free_port, program
from edge_runtime.errors import DemoError

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"
PARENT_OF_ONE = """
import asyncio, sys
from pathlib import Path
from demo.process import Process
async def main():
    process = await Process.start("child", [sys.executable, "-c", "import time; time.sleep(99)"], Path(sys.argv[1]))
    print(process._child.pid, flush=True)
    await process.finish(99)
asyncio.run(main())
"""


async def start(folder: Path, code: str) -> Process:
    return await Process.start("child", [sys.executable, "-c", code], folder / "child.log")


async def test_a_child_that_ends_says_what_it_said(tmp_path: Path):
    assert await (await start(tmp_path, "print('hello')")).finish() == "hello\n"


async def test_a_child_that_fails_is_quoted(tmp_path: Path):
    process = await start(tmp_path, "import sys; sys.exit('no room at the inn')")
    with pytest.raises(DemoError, match=r"child failed with status 1.*\n.*no room at the inn") as raised:
        await process.finish()
    assert str(tmp_path / "child.log") in raised.value.hint


async def test_a_child_that_ends_before_it_is_ready_is_quoted(tmp_path: Path):
    process = await start(tmp_path, "import sys; sys.exit('port taken')")

    async def never() -> bool:
        return False

    with pytest.raises(DemoError, match=r"(?s)ended by itself.*port taken"):
        await process.until(never)


async def test_a_child_that_is_never_ready_is_given_up(tmp_path: Path):
    process = await start(tmp_path, "import time; time.sleep(99)")

    async def never() -> bool:
        return False

    with pytest.raises(DemoError, match="isn't ready after"):
        await process.until(never, timeout_s=0.2)
    await process.stop()


async def test_a_child_that_ignores_the_request_is_killed(tmp_path: Path):
    process = await start(tmp_path, STUBBORN)

    async def up() -> bool:
        return "up" in process.log.read_text()

    await process.until(up)
    await process.stop(timeout_s=0.2)
    with pytest.raises(DemoError, match="ended by itself with status -9"):
        process.check()


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_child_dies_with_a_demo_that_is_killed(tmp_path: Path):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT_OF_ONE, str(tmp_path / "child.log")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.02)


def test_free_ports_differ():
    assert len({free_port() for _ in range(50)}) > 40


def test_a_command_that_is_not_installed_is_named():
    with pytest.raises(DemoError, match="no-such-command is missing"):
        program("no-such-command")
