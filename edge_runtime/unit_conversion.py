"""Units that devices give, and how they become the canonical ones.

Factors: NIST SP 811 (2008), Appendix B, and the exact definitions of inch, pound-force, US and imperial gallon there.
"""

import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator


@dataclass(frozen=True, slots=True)
class Conversion:
    """value in the canonical unit = number · factor + offset."""

    canonical: str
    factor: float
    offset: float = 0.0


_PSI_BAR = 0.45359237 * 9.80665 / 0.0254**2 / 1e5
_GALLON_L = 3.785411784
_IMPERIAL_GALLON_L = 4.54609
_HORSEPOWER_W = 550 * 0.3048 * 0.45359237 * 9.80665

CONVERSIONS = {
    "bar": Conversion("bar", 1.0),
    "mbar": Conversion("bar", 1e-3),
    "Pa": Conversion("bar", 1e-5),
    "kPa": Conversion("bar", 1e-2),
    "MPa": Conversion("bar", 10.0),
    "psi": Conversion("bar", _PSI_BAR),
    "kgf/cm²": Conversion("bar", 0.980665),
    "°C": Conversion("°C", 1.0),
    "°F": Conversion("°C", 5 / 9, -160 / 9),
    "K": Conversion("°C", 1.0, -273.15),
    "l/min": Conversion("l/min", 1.0),
    "l/s": Conversion("l/min", 60.0),
    "l/h": Conversion("l/min", 1 / 60),
    "ml/min": Conversion("l/min", 1e-3),
    "m³/h": Conversion("l/min", 1000 / 60),
    "gpm": Conversion("l/min", _GALLON_L),
    "gpm (imperial)": Conversion("l/min", _IMPERIAL_GALLON_L),
    "rpm": Conversion("rpm", 1.0),
    "Hz": Conversion("rpm", 60.0),
    "rad/s": Conversion("rpm", 30 / math.pi),
    "W": Conversion("W", 1.0),
    "kW": Conversion("W", 1e3),
    "hp": Conversion("W", _HORSEPOWER_W),
    "PS": Conversion("W", 75 * 9.80665),
    "mm/s": Conversion("mm/s", 1.0),
    "m/s": Conversion("mm/s", 1e3),
    "in/s": Conversion("mm/s", 25.4),
    "mm": Conversion("mm", 1.0),
    "cm": Conversion("mm", 10.0),
    "in": Conversion("mm", 25.4),
    "%": Conversion("%", 1.0),
    "‰": Conversion("%", 0.1),
    "fraction": Conversion("%", 100.0),
}
"""Unit → what it becomes. gpm is the US gallon, hp 550 ft·lbf/s, PS 75 kgf·m/s, Hz revolutions a second."""


def _known(unit: str) -> str:
    if unit not in CONVERSIONS:
        raise ValueError(f"there is no such unit, there are {', '.join(CONVERSIONS)}")
    return unit


KnownUnit = Annotated[str, AfterValidator(_known)]
