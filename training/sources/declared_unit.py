"""A unit that a source declares for a sensor, and how its values become those of the machine's unit."""

from dataclasses import dataclass

from edge_runtime.errors import RecordingError
from edge_runtime.machine import Machine
from edge_runtime.reading import Float64Array
from edge_runtime.unit_conversion import CONVERSIONS

_SPELLINGS = {
    "degc": "°C", "c": "°C", "celsius": "°C", "degf": "°F", "f": "°F", "lpm": "l/min", "l/min.": "l/min",
    "litre/min": "l/min", "m3/h": "m³/h", "1/min": "rpm", "min-1": "rpm", "u/min": "rpm", "kgf/cm2": "kgf/cm²",
    "percent": "%",
}  # fmt: skip
_KNOWN = {name.lower(): name for name in CONVERSIONS}


@dataclass(frozen=True, slots=True)
class DeclaredUnit:
    """value in the machine's unit = number · factor + offset."""

    factor: float = 1.0
    offset: float = 0.0

    def convert(self, values: Float64Array) -> Float64Array:
        """Values in the machine's unit."""
        return values if (self.factor, self.offset) == (1.0, 0.0) else values * self.factor + self.offset


AS_IT_IS = DeclaredUnit()


def declared_unit(sensor: str, unit: str | None, machine: Machine | None, where: str) -> DeclaredUnit:
    """How to convert from the unit that a source declares for a sensor; None declares the machine's own.

    Args:
        sensor: its name; one that the machine doesn't have is left as it is.
        unit: as it is written there.
        machine: says which unit is needed.
        where: file and row, for the message.

    Raises:
        RecordingError: there is no machine to ask, or the unit isn't known, or is one of another quantity.
    """
    if unit is None:
        return AS_IT_IS
    if machine is None:
        raise RecordingError(
            f"{where}: {sensor} is declared in {unit}, and it isn't known which unit is needed",
            hint="Name the machine file as well: --machine FILE.",
        )
    if sensor not in machine.sensor_index:
        return AS_IT_IS
    needed = machine.sensors[machine.sensor_index[sensor]].unit
    name = _named(unit)
    if name == needed:
        return AS_IT_IS
    conversion = CONVERSIONS.get(name)
    if conversion is None or conversion.canonical != needed:
        fitting = ", ".join(other for other, one in CONVERSIONS.items() if one.canonical == needed) or needed
        raise RecordingError(
            f"{where}: {sensor} is declared in {unit}, machine {machine.name!r} has it in {needed}",
            hint=f"Units that can be converted to {needed}: {fitting}.",
        )
    return DeclaredUnit(conversion.factor, conversion.offset)


def _named(unit: str) -> str:
    """The unit by the name that `CONVERSIONS` has for it. mW and MW differ by case alone, so case counts first."""
    unit = unit.strip()
    return unit if unit in CONVERSIONS else _SPELLINGS.get(unit.lower(), _KNOWN.get(unit.lower(), unit))
