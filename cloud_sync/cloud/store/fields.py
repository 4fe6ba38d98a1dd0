"""Fields of what people send, within what PostgreSQL takes and Python can read back."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, StringConstraints

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)


def _within_reach(time: datetime) -> datetime:
    if not _EARLIEST <= time < _LATEST:
        raise ValueError("must lie from 1970 to 9998")
    return time


Moment = Annotated[AwareDatetime, AfterValidator(_within_reach)]
"""A time that stays one whatever offset it is read with: PostgreSQL knows years that Python doesn't."""

PlainText = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""Text as PostgreSQL holds it: anything but NUL."""
