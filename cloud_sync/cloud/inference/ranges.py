"""Long ranges as lines of JSON, each a `RangeLine`. A page of windows is diagnosed while the next is read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from cloud_sync.cloud.inference.answer import RangeDone, RangeLine, RangeProblem
from cloud_sync.cloud.inference.asked import AskedRange
from cloud_sync.cloud.inference.job import Job
from cloud_sync.cloud.inference.window_lookup import FoundWindow
from edge_runtime.errors import HydrosightError, OverloadedError
from edge_runtime.utc import utc_datetime

ReadPage = Callable[[AskedRange, datetime], Awaitable[list[FoundWindow]]]
"""Reads the first windows of a range from a time on; none at its end."""
Infer = Callable[[Job], Awaitable[bytes]]
"""Gives the JSON of the `InferenceAnswer`."""

_MICROSECOND = timedelta(microseconds=1)
_PROBLEM = b'{"problem"'


async def answer_ranges(ranges: Sequence[AskedRange], read: ReadPage, infer: Infer) -> AsyncIterator[list[bytes]]:
    """The lines, a page at a time. What goes wrong on the way is the last of them: what was said before stays true."""
    windows = failed = 0
    try:
        for asked in ranges:
            async for lines in _answer_range(asked, read, infer):
                windows, failed = windows + len(lines), failed + sum(line.startswith(_PROBLEM) for line in lines)
                yield lines
    except HydrosightError as error:
        yield [RangeLine(problem=RangeProblem(detail=str(error), hint=error.hint)).encoded()]
    else:
        yield [RangeLine(done=RangeDone(windows=windows, failed=failed)).encoded()]


async def _answer_range(asked: AskedRange, read: ReadPage, infer: Infer) -> AsyncIterator[list[bytes]]:
    page = await read(asked, asked.since)
    while page:
        following = asyncio.ensure_future(read(asked, utc_datetime(page[-1].window.start_us) + _MICROSECOND))
        try:
            yield await _answer_page(asked, page, infer)
            page = await following
        finally:
            following.cancel()


async def _answer_page(asked: AskedRange, page: Sequence[FoundWindow], infer: Infer) -> list[bytes]:
    answers = [asyncio.ensure_future(_answer(asked, found, infer)) for found in page]
    try:
        return await asyncio.gather(*answers)
    finally:
        for answer in answers:  # a page that breaks off has nobody who waits for its other windows
            answer.cancel()


async def _answer(asked: AskedRange, found: FoundWindow, infer: Infer) -> bytes:
    try:
        return b'{"answer":' + await infer(asked.job(found)) + b"}\n"
    except OverloadedError:
        raise
    except HydrosightError as error:
        start = utc_datetime(found.window.start_us)
        problem = RangeProblem(machine=asked.machine, window_start=start, detail=str(error), hint=error.hint)
        return RangeLine(problem=problem).encoded()
