"""From batches to rows: what is taken, and what is refused with which words."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.batch_codec import decode_batch, encode_batch
from cloud_sync.cloud.store.rows import rows_of
from cloud_sync.wire import Batch, WindowRecord
from edge_runtime.alert import AlertState
from edge_runtime.errors import RefusedError
from tests.servers.batches import START_US, alert, clock_step, diagnosis, gap, make_batch, time_of, window


def test_one_row_a_channel_a_diagnosis_a_component_and_an_alert() -> None:
    rows = rows_of(make_batch("rig", 0), "rig")

    assert [len(part) for part in (rows.windows, rows.diagnoses, rows.components, rows.alerts)] == [6, 2, 4, 1]
    assert rows.samples == 360
    assert rows.diagnoses[0].start_time == time_of(START_US)
    assert rows.alerts[0].component == "pump"


@given(st.permutations(range(4)))
def test_rows_come_in_the_same_order_whatever_the_batchs(order: list[int]) -> None:
    """Two servers with the same rows then lock them in the same order."""
    windows = [window("rig", START_US + k * 60_000_000) for k in range(4)]
    rows = rows_of(Batch("b", 0, windows=tuple(windows[k] for k in order)), "rig")

    keys = [(row.machine, row.start_time, row.sensor) for row in rows.windows]
    assert keys == sorted(keys)


@given(
    start_us=st.integers(0, 253_370_764_799_000_000),
    length_us=st.integers(1, 10**6),
    values=st.lists(st.floats(width=32), max_size=50),
)
def test_every_time_and_value_survives(start_us: int, length_us: int, values: list[float]) -> None:
    samples = np.array(values, "<f4")
    channel = msgspec.structs.replace(window("rig", 0).channels[0], values=samples.tobytes())
    batch = Batch("b", 0, windows=(WindowRecord("rig", start_us, start_us + length_us, (channel,)),))

    (row,) = rows_of(decode_batch(encode_batch(batch)), "rig").windows

    assert row.start_time == time_of(start_us)
    assert np.array_equal(row.samples, samples, equal_nan=True)


def _channel(**changes: object) -> Batch:
    record = window("rig", START_US)
    channel = msgspec.structs.replace(record.channels[0], **changes)
    return Batch("b", 0, windows=(msgspec.structs.replace(record, channels=(channel,)),))


def _window(**changes: object) -> Batch:
    return Batch("b", 0, windows=(msgspec.structs.replace(window("rig", START_US), **changes),))


def _diagnosis(**changes: object) -> Batch:
    return Batch("b", 0, diagnoses=(msgspec.structs.replace(diagnosis("rig", START_US), **changes),))


def _alert(**changes: object) -> Batch:
    record = alert("rig", "alert-1", AlertState.RAISED, START_US)
    return Batch("b", 0, alerts=(msgspec.structs.replace(record, **changes),))


def _gap(**changes: object) -> Batch:
    return Batch("b", 0, gaps=(msgspec.structs.replace(gap("rig", 1, START_US), **changes),))


def _step(**changes: object) -> Batch:
    return Batch("b", 0, clock_steps=(msgspec.structs.replace(clock_step("rig", 1, START_US), **changes),))


DOCUMENT = diagnosis("rig", START_US).document[:-1]


@pytest.mark.parametrize(
    ("batch", "where"),
    [
        pytest.param(_channel(values=b"123"), "windows.0.channels.0", id="half a float"),
        pytest.param(_channel(step_us=0), "windows.0.channels.0", id="no step"),
        pytest.param(_channel(step_us=2**63), "windows.0.channels.0", id="step over int64"),
        pytest.param(_channel(sensor=""), "windows.0.channels.0", id="no sensor"),
        pytest.param(_channel(sensor="x" * 65), "windows.0.channels.0", id="long sensor name"),
        pytest.param(_window(end_us=START_US), "windows.0", id="ends before it starts"),
        pytest.param(_window(start_us=-1), "windows.0.start_us", id="before 1970"),
        pytest.param(_window(end_us=2**63), "windows.0.end_us", id="after 9999"),
        pytest.param(_diagnosis(document=b"{}"), "diagnoses.0.document", id="not a diagnosis"),
        pytest.param(_diagnosis(document=b"\xff"), "diagnoses.0.document", id="not text"),
        pytest.param(_diagnosis(document=DOCUMENT + b', "x": "\xff"}'), "diagnoses.0.document", id="not text beyond"),
        pytest.param(_diagnosis(document=DOCUMENT + b', "x": ' + b"[" * 9999), "diagnoses.0.document", id="nesting"),
        pytest.param(_diagnosis(start_us=START_US + 1), "diagnoses.0", id="document of another window"),
        pytest.param(_alert(state="cleared"), "alerts.0", id="document in another state"),
        pytest.param(_alert(id="alert-2"), "alerts.0", id="document of another alert"),
        pytest.param(_gap(boot=""), "gaps.0", id="gap of no boot"),
        pytest.param(_gap(lost=-1), "gaps.0", id="fewer than none lost"),
        pytest.param(_gap(ended_us=2**62), "gaps.0.ended_us", id="gap to after 9999"),
        pytest.param(_step(number=2**63), "clock_steps.0", id="step number over int64"),
        pytest.param(_step(before_us=-1), "clock_steps.0.before_us", id="step from before 1970"),
        pytest.param(Batch("", 0), "batch", id="no boot"),
        pytest.param(Batch("b", -1), "batch", id="negative number"),
    ],
)
def test_what_does_not_fit_is_named(batch: Batch, where: str) -> None:
    with pytest.raises(RefusedError) as refused:
        rows_of(batch, "rig")

    assert refused.value.status == 422
    assert str(refused.value).startswith(where)
    assert refused.value.hint


def test_another_machine_is_forbidden() -> None:
    for part in ("windows", "diagnoses", "alerts", "gaps", "clock_steps"):
        batch = Batch("b", 0, **{part: getattr(make_batch("press", 0), part)})
        with pytest.raises(RefusedError, match="'press'") as refused:
            rows_of(batch, "rig")
        assert refused.value.status == 403
