"""When a window is cut."""

from typing import Annotated

from pydantic import Field

from agent.settings.section import Section


class WindowSettings(Section):
    """When a window is cut. Its length is the model's."""

    lateness_s: Annotated[
        float, Field(ge=0, le=3600, description="How much later than the newest reading another may still arrive.")
    ] = 2.0

    @property
    def lateness_us(self) -> int:
        """The same in microseconds."""
        return round(self.lateness_s * 1e6)
