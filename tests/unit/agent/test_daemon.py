import asyncio

from agent import daemon


async def test_a_task_that_swallows_a_cancellation_is_ended_all_the_same(monkeypatch):
    monkeypatch.setattr(daemon, "CANCEL_AGAIN_S", 0.01)
    swallowed = []

    async def stubborn():
        while len(swallowed) < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed.append(True)
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await daemon._cancel([task])
    assert task.cancelled()
    assert len(swallowed) == 2
