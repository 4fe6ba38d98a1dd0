"""What every section of the settings file is: frozen, and without a key that it doesn't know."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=0, le=65535)]


class Section(BaseModel):
    """A part of the file that has keys of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")
