"""The lanes of the uplink: what may overtake what on the way to the centre."""

from enum import StrEnum


class Lane(StrEnum):
    """In the order in which they go. Each holds its own sealed batch, so that none has to wait for one below it.

    A diagnosis that is newer goes before an older one: what the machine is like now matters most. A window is fresh
    until so many newer ones wait that an outage must be behind it; then it is backlog, and stays that. Gaps and clock
    steps, few and small, go with the diagnoses.
    """

    ALERT = "alert"
    DIAGNOSIS = "diagnosis"
    FRESH = "fresh"
    BACKLOG = "backlog"


EVERY_LANE = tuple(Lane)
WITHOUT_WINDOWS = (Lane.ALERT, Lane.DIAGNOSIS)
WITHOUT_BACKLOG = (*WITHOUT_WINDOWS, Lane.FRESH)
