"""Gaps and steps of the clock as rows of the database. Pure."""

from datetime import datetime
from typing import NamedTuple

from cloud_sync.cloud.store.checks import MAX_INT64, is_boot, time_of, unfit
from cloud_sync.wire import ClockStepRecord, GapRecord


class GapRow(NamedTuple):
    """One gap that is over."""

    machine: str
    boot: str
    number: int
    start_time: datetime
    end_time: datetime
    cause: str
    source: str
    sensors: list[str]
    lost: int
    detail: str


class ClockStepRow(NamedTuple):
    """One start or step of a box's clock."""

    machine: str
    boot: str
    number: int
    counter: int
    wall_time: datetime
    time_before: datetime
    time_after: datetime
    state_before: str
    state_after: str


def gap_row(index: int, record: GapRecord) -> GapRow:
    """The row of a batch's gap number `index`.

    Raises:
        RefusedError: it isn't what it should be (422).
    """
    where = f"gaps.{index}"
    _check(where, record.boot, number=record.number, lost=record.lost)
    return GapRow(
        record.machine,
        record.boot,
        record.number,
        time_of(record.began_us, f"{where}.began_us"),
        time_of(record.ended_us, f"{where}.ended_us"),
        record.cause,
        record.source,
        list(record.sensors),
        record.lost,
        record.detail,
    )


def clock_step_row(index: int, record: ClockStepRecord) -> ClockStepRow:
    """The row of a batch's step number `index`.

    Raises:
        RefusedError: it isn't what it should be (422).
    """
    where = f"clock_steps.{index}"
    _check(where, record.boot, number=record.number, counter=record.counter)
    return ClockStepRow(
        *(record.machine, record.boot, record.number, record.counter),
        time_of(record.wall_us, f"{where}.wall_us"),
        time_of(record.before_us, f"{where}.before_us"),
        time_of(record.after_us, f"{where}.after_us"),
        *(record.state_before, record.state_after),
    )


def _check(where: str, boot: str, **counts: int) -> None:
    if not is_boot(boot):
        raise unfit(where, f"boot is {boot[:20]!r}, a boot id is needed")
    for name, count in counts.items():
        if not 0 <= count <= MAX_INT64:
            raise unfit(where, f"{name} is {count}, a number from 0 on is needed")
