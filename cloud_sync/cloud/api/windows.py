"""Signals over HTTP: windows with every sample, and one sensor over any time as few enough points for a plot."""

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response, Security
from pydantic import BaseModel

from cloud_sync.cloud.access.operators import authorise
from cloud_sync.cloud.api.paging import BeforeTime, MachineName, PartName, lead_on
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.load.turns import Turns
from cloud_sync.cloud.series.reduction import Method
from cloud_sync.cloud.series.stored_series import read_series
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.fields import Moment
from cloud_sync.cloud.store.fleet import machine_file, machine_of
from cloud_sync.cloud.store.latest_windows import latest_windows
from edge_runtime.errors import RefusedError
from edge_runtime.machine import Name
from edge_runtime.utc import utc_datetime

SERIES_AT_ONCE = 2
"""A long one keeps a core busy for seconds; the rest of a server is for the boxes."""
SERIES_WAIT_S = 10.0

WindowLimit = Annotated[int, Query(ge=1, le=100)]
SensorName = Annotated[Name, Query(description="as in the machine file", examples=["PS1"])]
Start = Annotated[Moment, Query(description="first moment", examples=["2026-03-01T08:00:00Z"])]
End = Annotated[Moment, Query(description="first moment after", examples=["2026-03-01T09:00:00Z"])]
Chosen = Annotated[
    Literal[Method.LTTB, Method.MINMAX, Method.MEAN],
    Query(description="the same picture; smallest and largest, or mean, of equal times"),
]
Points = Annotated[int, Query(ge=10, le=10_000, description="at most so many values; gaps come beside them")]


class ChannelAnswer(BaseModel):
    """One channel of a window; `values[k]` stands for [start + k·step, start + (k+1)·step), null is a gap."""

    sensor: str
    step_us: int
    values: list[float | None]


class WindowAnswer(BaseModel):
    """One window of a machine."""

    start: datetime
    end: datetime
    channels: list[ChannelAnswer]


class SeriesAnswer(BaseModel):
    """A sensor over a time, drawn with few points; a null between two values is a gap between them.

    Attributes:
        method: how points were chosen, or "raw" where all samples are here.
        samples: how many were read.
        bucket_s: gaps shorter than this may not show, seconds; 0 with "raw".
    """

    sensor: str
    method: Method
    samples: int
    bucket_s: float
    times: list[datetime]
    values: list[float | None]


def window_api(database: Database) -> APIRouter:
    """Routes for signals; both need a viewer's token."""
    router = APIRouter(
        prefix="/api/v1/machines", tags=["operators"], dependencies=[Security(PERSON)], responses=problems(404)
    )
    turns = Turns(SERIES_AT_ONCE, SERIES_WAIT_S, "series")

    @router.get("/{machine}/windows", summary="Windows with their samples")
    async def windows(
        request: Request,
        response: Response,
        machine: MachineName,
        limit: WindowLimit = 10,
        before: BeforeTime = None,
        sensor: PartName = None,
    ) -> list[WindowAnswer]:
        async with database.transaction() as connection:
            await authorise(connection, request)
            await machine_file(connection, machine)
            rows = await latest_windows(connection, machine, limit, before=before, sensor=sensor)
        page = [
            WindowAnswer(
                start=start,
                end=end,
                channels=[
                    ChannelAnswer(sensor=row.sensor, step_us=row.step_us, values=_or_null(row.samples.tolist()))
                    for row in channels
                ],
            )
            for (start, end), channels in groupby(rows, key=lambda row: (row.start, row.end))
        ]
        if len(page) >= limit:
            lead_on(request, response, before=page[-1].start)
        return page

    @router.get("/{machine}/series", summary="One sensor over any time, with few points")
    async def series(
        request: Request,
        machine: MachineName,
        sensor: SensorName,
        start: Start,
        end: End,
        points: Points = 1000,
        method: Chosen = Method.LTTB,
    ) -> SeriesAnswer:
        async with turns.turn(), database.transaction() as connection:
            await authorise(connection, request)
            _check_sensor(machine, await machine_file(connection, machine), sensor)
            found = await read_series(connection, machine, sensor, start, end, points, method)
        return SeriesAnswer(
            sensor=sensor,
            method=found.method,
            samples=found.samples,
            bucket_s=found.bucket_us / 1e6,
            times=[utc_datetime(time_us) for time_us in found.plot.times_us.tolist()],
            values=_or_null(found.plot.values.tolist()),
        )

    return router


def _or_null(values: Sequence[float]) -> list[float | None]:
    """NaN, a gap, is null in JSON."""
    return [value if math.isfinite(value) else None for value in values]


def _check_sensor(machine: str, machine_file: str, sensor: str) -> None:
    known = machine_of(machine, machine_file)
    if known is not None and sensor not in known.sensor_index:
        raise RefusedError(
            f"machine {machine!r} has no sensor {sensor!r}",
            status=404,
            hint=f"Its machine file has: {', '.join(known.sensor_index)}.",
        )
