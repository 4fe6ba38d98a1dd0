from datetime import UTC, datetime, timedelta

import pytest
import typer

from cloud_sync.cloud.cli.moment import moment


@pytest.mark.parametrize("text", ["2026-03-01", "2026-03-01T00:00", "2026-03-01T01:00+01:00", "2026-03-01T00:00:00Z"])
def test_a_moment_is_utc_unless_it_says_a_zone(text: str) -> None:
    assert moment(text) == datetime(2026, 3, 1, tzinfo=UTC)


def test_to_the_microsecond() -> None:
    assert moment("2026-03-01T08:00:00.000001Z") == datetime(2026, 3, 1, 8, 0, 0, 1, tzinfo=UTC)


def test_a_moment_may_be_said_from_now_back() -> None:
    before = datetime.now(UTC)
    found = moment("-2h")
    assert before - timedelta(hours=2, microseconds=1) <= found <= datetime.now(UTC) - timedelta(hours=2)


def test_anything_else_is_wrong_usage_that_says_what_would_be_right() -> None:
    with pytest.raises(typer.BadParameter, match=r"no moment.*-7d"):
        moment("yesterday")
