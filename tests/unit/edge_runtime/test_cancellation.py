import asyncio

import pytest

from edge_runtime.cancellation import check_cancelled


async def test_a_swallowed_cancellation_is_raised_again():
    async def swallows():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            check_cancelled()

    task = asyncio.create_task(swallows())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_that_nobody_cancelled_goes_on():
    check_cancelled()
