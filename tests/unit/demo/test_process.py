"""Children of the demo: what they say when they fail, and that none stays."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from demo.process import Process, Processes, free_port, program
from edge_runtime.errors import DemoError

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"
PARENT_OF_ONE = """
import asyncio, sys
from pathlib import Path
from demo.process import Processes
async def main():
    process = await Processes().start("child", [sys.executable, "-c", "import time; time.sleep(99)"], Path(sys.argv[1]))
    print(process._child.pid, flush=True)
    await process.finish(99)
asyncio.run(main())
"""


NAP = "import time; time.sleep(99)"


async def never() -> bool:
    return False


@pytest.fixture
async def processes() -> AsyncIterator[Processes]:
    async with Processes() as running:
        yield running


async def start(processes: Processes, folder: Path, code: str) -> Process:
    return await processes.start("child", [sys.executable, "-c", code], folder / "child.log")


async def test_a_command_says_what_it_said(processes: Processes, tmp_path: Path):
    said = await processes.run("child", [sys.executable, "-c", "print('hello')"], tmp_path / "child.log")
    assert said == "hello\n"


async def test_a_command_that_fails_is_quoted(processes: Processes, tmp_path: Path):
    command = [sys.executable, "-c", "import sys; sys.exit('no room at the inn')"]
    with pytest.raises(DemoError, match=r"child failed with status 1.*\n.*no room at the inn") as raised:
        await processes.run("child", command, tmp_path / "child.log")
    assert str(tmp_path / "child.log") in raised.value.hint


async def test_a_command_that_takes_too_long_is_given_up(processes: Processes, tmp_path: Path):
    with pytest.raises(DemoError, match="didn't end within"):
        await processes.run("child", [sys.executable, "-c", NAP], tmp_path / "child.log", timeout_s=0.2)


async def test_a_child_that_ends_before_it_is_ready_is_quoted(processes: Processes, tmp_path: Path):
    process = await start(processes, tmp_path, "import sys; sys.exit('port taken')")
    with pytest.raises(DemoError, match=r"(?s)ended by itself.*port taken"):
        await process.until(never)


async def test_a_child_that_is_never_ready_is_given_up(processes: Processes, tmp_path: Path):
    process = await start(processes, tmp_path, NAP)
    with pytest.raises(DemoError, match="isn't ready after"):
        await process.until(never, timeout_s=0.2)


async def test_a_child_that_ends_by_itself_is_noticed(processes: Processes, tmp_path: Path):
    await start(processes, tmp_path, "import sys; sys.exit('out of memory')")
    with pytest.raises(DemoError, match=r"(?s)ended by itself.*out of memory"):
        await processes.watch()


async def test_a_child_that_was_stopped_is_not_missed(processes: Processes, tmp_path: Path):
    await processes.stop(await start(processes, tmp_path, NAP))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(processes.watch(), 0.3)


async def test_a_child_that_ignores_the_request_is_killed(processes: Processes, tmp_path: Path):
    process = await start(processes, tmp_path, STUBBORN)

    async def up() -> bool:
        return "up" in process.log.read_text()

    await process.until(up)
    await process.stop(timeout_s=0.2)
    with pytest.raises(DemoError, match="ended by itself with status -9"):
        process.check()


async def test_leaving_stops_all(tmp_path: Path):
    async with Processes() as processes:
        children = [await start(processes, tmp_path, NAP) for _ in range(3)]
    for child in children:
        with pytest.raises(DemoError, match="ended by itself"):
            child.check()


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
    deadline = time.monotonic() + 60
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child lives on"
        time.sleep(0.02)


def test_free_ports_differ():
    assert len({free_port() for _ in range(50)}) > 40


def test_a_command_that_is_not_installed_is_named():
    with pytest.raises(DemoError, match="no-such-command is missing"):
        program("no-such-command")
