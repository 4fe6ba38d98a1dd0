import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloud_sync.cloud.inference.asked import AskedRange
from cloud_sync.cloud.inference.job import Job, ServingModel, StoredWindow
from cloud_sync.cloud.inference.ranges import Infer, answer_ranges
from cloud_sync.cloud.inference.window_lookup import FoundWindow
from edge_runtime.errors import BackendError, DatabaseError, OverloadedError
from edge_runtime.utc import microseconds

START = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MODEL = ServingModel("rig", "1.0.0", "0" * 64, Path("bundle"), 60.0)
PAGE = 3


class StoredMinutes:
    """So many minutes in a database that may fail at a page."""

    def __init__(self, count: int, *, failing_page: int = -1, length: timedelta = MINUTE) -> None:
        self._starts = [START + number * MINUTE for number in range(count)]
        self._failing_page = failing_page
        self._length = length
        self.pages = 0

    async def read(self, asked: AskedRange, since: datetime) -> list[FoundWindow]:
        self.pages += 1
        if self.pages - 1 == self._failing_page:
            raise DatabaseError("the database failed", hint="Try again later.")
        starts = [start for start in self._starts if start >= since][:PAGE]
        return [
            FoundWindow(StoredWindow(asked.machine, microseconds(start), microseconds(start + self._length), {}), None)
            for start in starts
        ]


async def infer(job: Job) -> bytes:
    if job.window.start_us == microseconds(START + MINUTE):
        raise BackendError("it fails on this one", hint="Look at it.")
    return json.dumps(job.window.start_us).encode()


async def lines_of(stored: StoredMinutes, infer: Infer = infer) -> list[dict[str, object]]:
    asked = AskedRange("rig", "", MODEL, START, START + timedelta(days=1))
    return [json.loads(line) async for page in answer_ranges([asked], stored.read, infer) for line in page]


async def test_every_window_has_a_line_in_order_and_one_that_fails_has_its_reason():
    *lines, last = await lines_of(StoredMinutes(8))
    assert [line.get("answer") for line in lines] == [
        None if number == 1 else microseconds(START + number * MINUTE) for number in range(8)
    ]
    assert lines[1]["problem"] == {
        "machine": "rig",
        "window_start": "2026-03-01T00:01:00Z",
        "detail": "it fails on this one",
        "hint": "Look at it.",
    }
    assert last == {"done": {"windows": 8, "failed": 1}}


async def test_a_range_that_breaks_off_says_why_and_not_that_it_was_done():
    lines = await lines_of(StoredMinutes(8, failing_page=1))
    assert len(lines) == PAGE + 1
    assert lines[-1] == {"problem": {"detail": "the database failed", "hint": "Try again later."}}


async def test_a_range_that_breaks_off_gives_up_the_windows_of_its_page():
    given_up = []

    async def refuse_second(job: Job) -> bytes:
        if job.window.start_us == microseconds(START + MINUTE):
            raise OverloadedError("too much", hint="Try again later.", bottleneck="queue")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            given_up.append(job.window.start_us)
            raise
        return b""

    (line,) = await lines_of(StoredMinutes(3), refuse_second)
    await asyncio.sleep(0)
    assert line["problem"]["detail"] == "too much"
    assert given_up == [microseconds(START), microseconds(START + 2 * MINUTE)]


async def test_windows_of_another_length_than_the_models_are_told_apart():
    *lines, last = await lines_of(StoredMinutes(2, length=MINUTE / 2))
    assert ["30 s long" in line["problem"]["detail"] for line in lines] == [True, True]
    assert last == {"done": {"windows": 2, "failed": 2}}
