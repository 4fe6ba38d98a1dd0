"""Components: the nodes of the graph, and their rated values."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from edge_runtime.machine.part import Finite, MachinePart, Name, Positive
from edge_runtime.vocabulary import ComponentType


class Nameplate(MachinePart):
    """Rated values; they make signals dimensionless, so that one model serves machines of any size.

    Of a relief valve `pressure_bar` is its setting, of a cooler `power_w` the heat it is to take away and `coolant_c`
    the temperature of its air or water, of a tank `stroke_mm` the range of its level, of a valve `response_ms` the time
    it takes to switch, of a cylinder `bore_mm` and `rod_mm` its diameters.
    """

    pressure_bar: Positive | None = None
    flow_l_min: Positive | None = None
    speed_rpm: Positive | None = None
    power_w: Positive | None = None
    temperature_c: Positive | None = None
    vibration_mm_s: Positive | None = None
    stroke_mm: Positive | None = None
    displacement_cm3: Positive | None = None
    volume_l: Positive | None = None
    precharge_bar: Positive | None = None
    response_ms: Positive | None = None
    coolant_c: Finite | None = None
    bore_mm: Positive | None = None
    rod_mm: Positive | None = None

    @model_validator(mode="after")
    def _rod_fits(self) -> Self:
        if self.bore_mm is not None and self.rod_mm is not None and self.rod_mm >= self.bore_mm:
            msg = f"rod_mm {self.rod_mm:g} must be less than bore_mm {self.bore_mm:g}"
            raise ValueError(msg)
        return self


class Component(MachinePart):
    """A part that a technician replaces: one node of the graph."""

    name: Name
    type: ComponentType
    description: str = ""
    nameplate: Nameplate = Nameplate()
    criticality: Annotated[float, Field(gt=0, le=1)] = 0.5
    bypassed: Annotated[
        bool, Field(description="The oil may pass it by, so that no balance can be drawn across it.")
    ] = False
