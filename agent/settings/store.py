"""How readings are kept."""

from typing import Annotated

from pydantic import Field

from agent.settings.section import Section
from agent.settings.thinning import ThinningSettings
from agent.store.retention import Retention
from agent.store.thinning import ThinningRule


class StoreSettings(Section):
    """How readings are kept."""

    flush_interval_s: Annotated[
        float, Field(ge=0.05, le=60, description="Readings are on disk at most this long after they arrived.")
    ] = 1.0
    max_bytes: Annotated[
        int, Field(ge=16 * 2**20, description="Size of the store; the oldest raw data goes first.")
    ] = 2 * 2**30
    min_free_bytes: Annotated[int, Field(ge=0, description="Room that is always left on the disk for others.")] = (
        200 * 2**20
    )

    thinning: ThinningSettings | None = None

    @property
    def retention(self) -> Retention:
        """The limits, as the store takes them."""
        return Retention(self.max_bytes, self.min_free_bytes)

    @property
    def thinning_rule(self) -> ThinningRule | None:
        """How readings are thinned, as the store takes it."""
        return self.thinning.rule if self.thinning else None
