"""What flows: how viscous a hydraulic oil is at a temperature, and what heat it carries."""

from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

Float64Array = npt.NDArray[np.float64]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]

REFERENCE_C = 40.0
"""Temperature at which ISO 3448 grades oils."""

KELVIN = 273.15
"""0 °C."""

# The Walther equation is a straight line in log(log(ν + 0.7)) over log(T), for 2 to 2e7 mm²/s (ASTM D341-20).
_WALTHER_SHIFT = 0.7
# Oils aren't used beyond these, and the line says nothing there.
_COLDEST_C, _HOTTEST_C = -40.0, 150.0


class Fluid(BaseModel):
    """The machine's oil; the defaults are a mineral HLP 46, the commonest one.

    Attributes:
        iso_vg: grade by ISO 3448, which is the kinematic viscosity at 40 °C in mm²/s.
        viscosity_100c_mm2_s: at 100 °C, from the data sheet. Without it that of a mineral oil of the grade with a
            viscosity index near 100, 6.8·(VG/46)^0.63, within 3 % of HLP oils' data sheets from VG 15 to 150.
        density_kg_m3: at working temperature.
        heat_capacity_j_kg_k: specific; mineral oils have 1800 to 2100.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    iso_vg: Annotated[float, Field(ge=5, le=1500)] = 46.0
    viscosity_100c_mm2_s: Annotated[float, Field(ge=1, le=300)] | None = None
    density_kg_m3: Positive = 860.0
    heat_capacity_j_kg_k: Positive = 1900.0

    @model_validator(mode="after")
    def _is_thinner_when_hot(self) -> Self:
        hot = self.viscosity_100c_mm2_s
        if hot is not None and hot >= self.iso_vg:
            raise ValueError(f"viscosity_100c_mm2_s {hot:g} isn't below iso_vg {self.iso_vg:g}, the viscosity at 40 °C")
        return self

    def relative_viscosity(self, temperature_c: Float64Array) -> Float64Array:
        """ν(T)/ν(40 °C) by the Walther equation, log10 log10(ν + 0.7) = A − B·log10(T/K) (ASTM D341).

        The density changes by 1 % in 15 K, so that dynamic viscosity goes the same way.

        Args:
            temperature_c: of any shape; NaN gives NaN.
        """
        hot = self.viscosity_100c_mm2_s or 6.8 * (self.iso_vg / 46.0) ** 0.63
        low, high = (np.log10(np.log10(value + _WALTHER_SHIFT)) for value in (self.iso_vg, hot))
        span = np.log10((100.0 + KELVIN) / (REFERENCE_C + KELVIN))
        kelvin = np.clip(temperature_c, _COLDEST_C, _HOTTEST_C) + KELVIN
        exponent = low + (high - low) * np.log10(kelvin / (REFERENCE_C + KELVIN)) / span
        viscosity: Float64Array = 10.0 ** (10.0**exponent) - _WALTHER_SHIFT
        return viscosity / self.iso_vg

    @property
    def heat_j_l_k(self) -> float:
        """Heat that a litre takes up, J/K."""
        return self.density_kg_m3 * self.heat_capacity_j_kg_k / 1000.0
