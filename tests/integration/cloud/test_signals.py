"""One sensor over any time, as few points, over HTTP."""

from datetime import datetime, timedelta

import httpx
import numpy as np
import psycopg
import pytest

from cloud_sync.cloud.series import stored_series
from cloud_sync.cloud.series.reduction import Method
from cloud_sync.cloud.store.arrays import register_arrays
from cloud_sync.cloud.store.latest_windows import latest_windows
from cloud_sync.wire import ChannelRecord, Enrolment, WindowRecord
from edge_runtime.errors import RefusedError
from tests.servers.batches import MINUTE_US, START_US, time_of
from tests.servers.centre import Centre
from tests.servers.stored_windows import prepare, put_windows

PATH = "/api/v1/machines/rig/series"
MINUTES = 40
GAP = range(15, 20)
"""Minutes without a window."""


def signal() -> np.ndarray:
    return np.sin(np.arange(MINUTES * 60) / 40).astype(np.float32)


@pytest.fixture
def filled(centre: Centre, box: Enrolment) -> None:
    parts = signal().reshape(MINUTES, 60)
    put_windows(
        centre.database_url,
        [
            WindowRecord(
                "rig",
                START_US + k * MINUTE_US,
                START_US + (k + 1) * MINUTE_US,
                (ChannelRecord("PS1", 1_000_000, parts[k].tobytes()),),
            )
            for k in range(MINUTES)
            if k not in GAP
        ],
    )


def asked(first: float = 0, last: float = MINUTES, **more: object) -> dict[str, object]:
    """A span in minutes."""
    span = {"start": time_of(START_US + int(first * MINUTE_US)), "end": time_of(START_US + int(last * MINUTE_US))}
    return {"sensor": "PS1", **{name: time.isoformat() for name, time in span.items()}, **more}


@pytest.mark.usefixtures("filled")
def test_few_samples_are_all_there_and_none_are_an_empty_plot(operator: httpx.Client) -> None:
    answer = operator.get(PATH, params=asked(1.5, 3)).json()

    assert (answer["method"], answer["samples"], answer["bucket_s"]) == ("raw", 90, 0)
    np.testing.assert_array_equal(np.array(answer["values"], np.float32), signal()[90:180])
    assert datetime.fromisoformat(answer["times"][0]) == time_of(START_US + 3 * MINUTE_US // 2)
    for span in (asked(16, 18), asked(100, 200), asked(-9, -3), asked(sensor="PS9")):
        answer = operator.get(PATH, params=span).json()
        assert (answer["samples"], answer["times"], answer["values"]) == (0, [], [])


@pytest.mark.usefixtures("filled")
def test_many_samples_are_few_points_and_a_gap_is_null(operator: httpx.Client) -> None:
    for method in ("lttb", "minmax", "mean"):
        answer = operator.get(PATH, params=asked(points=100, method=method)).json()

        values = answer["values"]
        assert (answer["method"], answer["samples"]) == (method, 60 * (MINUTES - len(GAP)))
        assert len(values) == len(answer["times"]) <= 101
        (gap,) = [index for index, value in enumerate(values) if value is None]
        minutes = [
            (datetime.fromisoformat(time) - time_of(START_US)) / timedelta(minutes=1) for time in answer["times"]
        ]
        assert minutes[gap - 1] < GAP.start <= minutes[gap] < GAP.stop <= minutes[gap + 1]
        assert max(value for value in values if value is not None) == pytest.approx(1, abs=0.05)


@pytest.mark.usefixtures("box")
def test_what_is_asked_wrongly_is_refused_with_a_hint(operator: httpx.Client) -> None:
    for wrong, word in (
        ({"start": "2026-03-01T08:00:00"}, "zone"),
        ({"start": "yesterday"}, "zone"),
        ({"points": 3}, "/docs"),
        ({"points": 100_000}, "/docs"),
        ({"method": "raw"}, "/docs"),
        ({"end": "2001-01-01T00:00:00Z"}, "start before end"),
    ):
        answer = operator.get(PATH, params=asked() | wrong)

        assert answer.status_code == 422
        assert word in answer.json()["hint"]


@pytest.fixture
def two_windows_a_week_apart(postgres_url: str) -> str:
    prepare(postgres_url)
    values = np.zeros(60, "<f4").tobytes()
    windows = [
        WindowRecord("rig", at, at + MINUTE_US, (ChannelRecord("PS1", 1_000_000, values),))
        for at in (START_US, START_US + 10_000 * MINUTE_US)
    ]
    put_windows(postgres_url, windows)
    return postgres_url


async def test_a_time_with_too_many_samples_is_refused_before_they_are_read(
    two_windows_a_week_apart: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_series, "MAX_SAMPLES", 100)
    span = (time_of(START_US), time_of(START_US + 20_000 * MINUTE_US))
    async with await psycopg.AsyncConnection.connect(two_windows_a_week_apart) as connection:
        register_arrays(connection)
        with pytest.raises(RefusedError, match="over 100 samples") as raised:
            await stored_series.read_series(connection, "rig", "PS1", *span, 100, Method.LTTB)
        assert "0.0 days" in raised.value.hint
        few = await stored_series.read_series(
            connection, "rig", "PS1", span[0], time_of(START_US + 60 * MINUTE_US), 100, Method.LTTB
        )
    assert few.samples == 60


async def test_a_machine_that_was_mostly_off_is_drawn_over_any_time(
    two_windows_a_week_apart: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_series, "MAX_SAMPLES", 500_000)  # a week has more, if it runs all the time
    span = (time_of(START_US), time_of(START_US + 20_000 * MINUTE_US))
    async with await psycopg.AsyncConnection.connect(two_windows_a_week_apart) as connection:
        register_arrays(connection)
        found = await stored_series.read_series(connection, "rig", "PS1", *span, 100, Method.LTTB)
    assert found.samples == 120


async def test_windows_that_reach_into_the_time_count_from_its_start_on(two_windows_a_week_apart: str) -> None:
    half = MINUTE_US // 2
    async with await psycopg.AsyncConnection.connect(two_windows_a_week_apart) as connection:
        register_arrays(connection)
        found = await stored_series.read_series(
            connection, "rig", "PS1", time_of(START_US + half), time_of(START_US + 5 * MINUTE_US), 100, Method.LTTB
        )
    assert (found.samples, int(found.plot.times_us[0])) == (30, START_US + half)


async def test_the_latest_windows_are_found_however_far_apart_they_are(two_windows_a_week_apart: str) -> None:
    after = time_of(START_US + 10_001 * MINUTE_US)
    async with await psycopg.AsyncConnection.connect(two_windows_a_week_apart) as connection:
        register_arrays(connection)
        found = {limit: await latest_windows(connection, "rig", limit, before=after) for limit in (1, 2, 3)}
    starts = {limit: [row.start for row in rows] for limit, rows in found.items()}
    newest, oldest = time_of(START_US + 10_000 * MINUTE_US), time_of(START_US)
    assert starts == {1: [newest], 2: [newest, oldest], 3: [newest, oldest]}
