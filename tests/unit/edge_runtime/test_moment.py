import pytest

from edge_runtime.errors import ConfigurationError
from edge_runtime.moment import parse_moment

NOW_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z."""


@pytest.mark.parametrize(
    ("text", "seconds_before_now"),
    [
        ("2026-01-01T00:00:00Z", 0),
        ("2026-01-01", 0),
        ("2025-12-31 23:59:59.5", 0.5),
        ("2026-01-01T01:00:00+01:00", 0),
        ("-90s", 90),
        ("-1.5m", 90),
        ("-2h", 7200),
        ("-7d", 604_800),
    ],
)
def test_a_moment_is_absolute_or_before_now(text, seconds_before_now):
    assert parse_moment(text, NOW_US) == NOW_US - round(seconds_before_now * 1e6)


@pytest.mark.parametrize("text", ["", "yesterday", "2h", "-2 weeks", "2026-13-01"])
def test_anything_else_is_refused_with_what_would_be_right(text):
    with pytest.raises(ConfigurationError, match="no moment") as refused:
        parse_moment(text, NOW_US)
    assert "-2h" in refused.value.hint
