"""What an inspection finds: a statement about one thing, how bad it is, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_NAMED = 3


class Severity(StrEnum):
    """How bad."""

    OK = "ok"
    WARNING = "warning"
    """It works, and somebody should look."""
    FAILURE = "failure"
    """Something is wrong, or data is at risk."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        about: what was looked at: "schema", "index", "settings" and so on.
        severity: how bad.
        found: how it is.
        remedy: what to do, with the command or statement; empty where nothing is to be done.
    """

    about: str
    severity: Severity
    found: str
    remedy: str = ""


def fine(about: str, found: str) -> Finding:
    """Nothing to be done."""
    return Finding(about, Severity.OK, found)


def warning(about: str, found: str, remedy: str) -> Finding:
    """Somebody should look."""
    return Finding(about, Severity.WARNING, found, remedy)


def failure(about: str, found: str, remedy: str) -> Finding:
    """Something is wrong."""
    return Finding(about, Severity.FAILURE, found, remedy)


def some_of(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
