"""Child processes that are killed, or kill themselves, at a chosen moment.

They are forked from a process of their own that has no threads. Forked from the test's process, beside threads that
other tests have left, a child can wait for ever for a lock that one of them held at that moment.
"""

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess

import pytest

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.remote_box", "tests.models.tiny_bundle", "edge_runtime.slots"])
_TIMEOUT_S = 60


def start(target: Callable[..., None], *arguments: object) -> BaseProcess:
    """Start a child that calls `target`, a function at the top of a module, with these arguments."""
    child = _CONTEXT.Process(target=target, args=arguments)
    child.start()
    return child


def exit_code(child: BaseProcess) -> int:
    """Wait for a child's end; the number of the signal that killed it is negative. The test fails if it hangs."""
    child.join(_TIMEOUT_S)
    if child.exitcode is None:
        child.kill()
        child.join()
        pytest.fail(f"the child process hung for {_TIMEOUT_S} s")
    return child.exitcode
