"""When an alert is raised and cleared."""

from typing import Annotated

from pydantic import Field

from agent.settings.section import Section


class AlertSettings(Section):
    """When an alert is raised and cleared."""

    raise_after: Annotated[int, Field(ge=1, le=1000, description="Windows in a row that must agree to raise.")] = 2
    clear_after: Annotated[int, Field(ge=1, le=1000, description="Normal windows in a row that clear.")] = 3
    min_confidence: Annotated[
        float, Field(ge=0, le=1, description="A window whose diagnosis is less sure than this counts for neither.")
    ] = 0.5

    @property
    def looks_back(self) -> int:
        """How many windows are read at a restart: those in a row that count, with unsure ones in between."""
        return 20 * max(self.raise_after, self.clear_after)
