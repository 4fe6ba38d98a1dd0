import asyncio
from collections.abc import AsyncIterator

from cloud_sync.cloud.api import inference


async def test_a_client_that_does_not_read_loses_its_turn(monkeypatch):
    monkeypatch.setattr(inference, "_MOST_STALLED_S", 0.01)
    ended = []

    async def lines() -> AsyncIterator[bytes]:
        yield b"{}"

    async def never(*_: object) -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    response = inference._RangeResponse(lines(), lambda: ended.append(True))
    await response({"type": "http", "asgi": {"spec_version": "2.3"}}, never, never)
    assert ended == [True]
