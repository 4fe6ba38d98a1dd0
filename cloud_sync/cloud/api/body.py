"""Read a request's body as it arrives, and stop as soon as it is too large or too slow."""

import asyncio

from fastapi import Request

from edge_runtime.errors import RefusedError


async def read_body(request: Request, limit: int, timeout_s: float) -> bytes:
    """The body, of `limit` bytes at most.

    Raises:
        RefusedError: it is larger (413), or didn't arrive within `timeout_s` (408).
    """
    declared = request.headers.get("content-length", "0")
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise _too_large(limit)
    except TimeoutError as error:
        raise RefusedError(
            f"the body didn't arrive within {timeout_s:g} s", status=408, hint="Send it again, or smaller batches."
        ) from error
    return bytes(body)


def _too_large(limit: int) -> RefusedError:
    return RefusedError(f"the body is over {limit} bytes", status=413, hint="Send smaller batches.")
