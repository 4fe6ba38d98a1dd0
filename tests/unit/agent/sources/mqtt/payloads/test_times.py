import pytest

from agent.sources.mqtt.payloads.times import TimeUnit, time_us
from edge_runtime.errors import SourceError
from tests.unit.agent.sources.mqtt.payloads.reading import NEW_YEAR_US


@pytest.mark.parametrize(
    ("time", "unit"),
    [
        ("2015-01-01T00:00:00Z", TimeUnit.ISO),
        (1_420_070_400, TimeUnit.SECONDS),
        (1_420_070_400.0, TimeUnit.SECONDS),
        (1_420_070_400_000, TimeUnit.MILLISECONDS),
        (1_420_070_400_000_000, TimeUnit.MICROSECONDS),
        (1_420_070_400_000_000_999, TimeUnit.NANOSECONDS),
    ],
)
def test_every_unit_comes_to_microseconds(time, unit):
    assert time_us(time, unit) == NEW_YEAR_US


@pytest.mark.parametrize(
    ("time", "unit"),
    [
        ("1420070400", TimeUnit.SECONDS),
        (True, TimeUnit.SECONDS),
        (float("nan"), TimeUnit.SECONDS),
        (float("inf"), TimeUnit.MILLISECONDS),
        (-1, TimeUnit.MICROSECONDS),
        (1e30, TimeUnit.SECONDS),
        ([], TimeUnit.ISO),
    ],
)
def test_what_is_no_time_is_named(time, unit):
    with pytest.raises(SourceError, match="time "):
        time_us(time, unit)
