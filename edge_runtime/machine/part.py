"""What every part of a machine file is: frozen, and without a key that it doesn't know."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class MachinePart(BaseModel):
    """Something that a machine file describes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
