"""The thread that owns the store, and what it does about a damaged one."""

from collections.abc import Iterator

import pytest

from agent.core import CoreThread
from edge_runtime.errors import StoreDamagedError, StoreError


@pytest.fixture
def core() -> Iterator[CoreThread]:
    core = CoreThread()
    yield core
    core.close()


def find_damage() -> None:
    raise StoreDamagedError("a page is wrong")


async def test_calls_run_in_order_and_give_results_and_errors(core):
    assert await core.call(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await core.call(divmod, 7, 0)


async def test_after_damage_the_store_is_mended_once_before_the_next_call(core):
    done = []
    core.mend_with(lambda: done.append("mended"))
    with pytest.raises(StoreDamagedError):
        await core.call(find_damage)
    for number in range(2):
        await core.call(done.append, number)
    assert done == ["mended", 0, 1]


async def test_while_mending_fails_no_call_is_made(core):
    done = []
    answers = [StoreError("no room"), StoreError("no room"), None]

    def mend() -> None:
        if error := answers.pop(0):
            raise error

    core.mend_with(mend)
    with pytest.raises(StoreDamagedError):
        await core.call(find_damage)
    for _ in range(2):
        with pytest.raises(StoreError, match="no room"):
            await core.call(done.append, "call")
    await core.call(done.append, "call")
    assert done == ["call"]
