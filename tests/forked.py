"""Child processes that begin where our code is imported already, which takes Python a second or two.

They are forked from a process of their own that has no threads. Forked from the test's process, beside threads that
other tests have left, a child can wait for ever for a lock that one of them held at that moment.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import pytest

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["cloud_sync.cloud.cli.main", "edge_runtime.slots", "tests.models.tiny_bundle", "tests.remote_box"]
)
_TIMEOUT_S = 60


def start(target: Callable[..., None], *arguments: object, daemon: bool = False) -> BaseProcess:
    """Start a child that calls `target`, a function at the top of a module, with these arguments.

    pytest waits for it in the end, or ends it if it is a daemon.
    """
    child = _CONTEXT.Process(target=target, args=arguments, daemon=daemon)
    child.start()
    return child


def pipe() -> tuple[Connection, Connection]:
    """The end to read from, and the one to write to, which may be an argument of `start`."""
    return _CONTEXT.Pipe(duplex=False)


def exit_code(child: BaseProcess) -> int:
    """Wait for a child's end; the number of the signal that killed it is negative. The test fails if it hangs."""
    child.join(_TIMEOUT_S)
    if child.exitcode is None:
        child.kill()
        child.join()
        pytest.fail(f"the child process hung for {_TIMEOUT_S} s")
    return child.exitcode
