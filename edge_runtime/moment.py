"""Moments as people write them on a command line."""

import re
from datetime import UTC, datetime

from edge_runtime.errors import ConfigurationError
from edge_runtime.utc import microseconds

_RELATIVE = re.compile(r"-(\d+(?:\.\d+)?)([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
HELP = "ISO 8601 (2026-01-31T08:00:00Z; UTC unless it says otherwise), or before now: -90s, -30m, -2h, -7d"


def parse_moment(text: str, now_us: int) -> int:
    """Microseconds since 1970, UTC.

    Raises:
        ConfigurationError: it is neither form.
    """
    if relative := _RELATIVE.fullmatch(text.strip()):
        return now_us - round(float(relative[1]) * _UNITS[relative[2]] * 1e6)
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no moment", hint=f"Write it as {HELP}.") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return microseconds(moment)
