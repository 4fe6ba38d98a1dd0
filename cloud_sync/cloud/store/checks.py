"""What every record that a box sends is checked for before it becomes rows. Pure."""

from datetime import datetime

from edge_runtime.errors import RefusedError
from edge_runtime.utc import utc_datetime

MAX_INT64 = 2**63 - 1
_LATEST_US = 253_370_764_800_000_000  # the year 9999, PostgreSQL's and Python's common end
_HINT = "The box sends what doesn't fit; it sets the record aside. See: hydrosight sync dead-letters"


def is_boot(name: str) -> bool:
    """Whether a run of a box's agent may be called that."""
    return 0 < len(name) <= 128 and "\0" not in name


def time_of(us: int, where: str) -> datetime:
    """Microseconds since 1970 as a time.

    Raises:
        RefusedError: before 1970 or after 9999 (422); `where` names it.
    """
    if not 0 <= us < _LATEST_US:
        raise unfit(where, f"is {us}, microseconds since 1970 are needed")
    return utc_datetime(us)


def unfit(where: str, what: str) -> RefusedError:
    """The refusal of a record that isn't what it should be."""
    return RefusedError(f"{where}: {what}", status=422, hint=_HINT)
