"""Which readings are thinned, and which are kept whole."""

from typing import Annotated

from pydantic import Field

from agent.settings.section import Section
from agent.store.thinning import ThinningRule, Trigger


class TriggerSettings(Section):
    """A transient of the whole machine, such as a valve command or a pressure step."""

    sensor: Annotated[str, Field(description="Name in the machine file.")]
    change: Annotated[float, Field(gt=0, description="Changes by more than this, in its unit, are a transient.")]
    within_s: Annotated[
        float, Field(gt=0, le=60, description="What it is compared with: its value so long before.")
    ] = 0.5


class ThinningSettings(Section):
    """Readings of fast sensors at rest are thinned to mean, smallest and largest of each second, once diagnosed."""

    min_rate_hz: Annotated[float, Field(ge=4, description="Sensors with at least so many readings a second.")] = 10.0
    before_s: Annotated[float, Field(ge=0, le=60, description="Kept whole before a transient.")] = 2.0
    after_s: Annotated[float, Field(ge=0, le=600, description="Kept whole after a transient.")] = 5.0
    own_change: Annotated[
        float, Field(gt=1, description="A step of so many times its usual one is a sensor's own transient.")
    ] = 20.0
    triggers: tuple[TriggerSettings, ...] = ()

    @property
    def rule(self) -> ThinningRule:
        """As the store takes it."""
        return ThinningRule(
            self.min_rate_hz,
            round(self.before_s * 1e6),
            round(self.after_s * 1e6),
            tuple(Trigger(one.sensor, one.change, round(one.within_s * 1e6)) for one in self.triggers),
            self.own_change,
        )
