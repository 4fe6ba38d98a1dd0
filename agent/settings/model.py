"""The diagnosis model and its updates."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from agent.settings.section import Section


class ModelSettings(Section):
    """The diagnosis model and its updates."""

    bundle: Annotated[Path, Field(description="The bundle to start with, until an update replaces it.")]
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    trust_root: Annotated[
        Path | None, Field(description="root.json of the model registry; without it there are no updates.")
    ] = None
    check_interval_s: Annotated[float, Field(ge=1)] = 3600.0
    probation_windows: Annotated[
        int, Field(ge=1, description="Windows a new model must get through before it is kept.")
    ] = 10
