"""What the machine looks like when it is healthy."""

from typing import Annotated

from pydantic import Field

from agent.settings.section import Section
from edge_runtime.baseline.document import MIN_WINDOWS


class BaselineSettings(Section):
    """What the machine looks like when it is healthy; see `hydrosight baseline`."""

    assume_healthy: Annotated[
        int | None,
        Field(
            ge=MIN_WINDOWS,
            le=10_000,
            description="Take the machine for healthy at first, and learn its baseline from so many windows.",
        ),
    ] = None
