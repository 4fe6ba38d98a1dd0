"""Which sensor of the simulated machine is at which register or topic. No I/O.

Pressure and power are float32 in holding registers, temperature is int16 in hundredths of a degree in input registers,
everything else is published over MQTT. Both tables start with the device's clock.
"""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from edge_runtime.errors import ConfigurationError
from edge_runtime.machine import Machine, Sensor
from edge_runtime.utc import utc_datetime
from edge_runtime.vocabulary import Quantity

UNIT = 1
CLOCK_ADDRESS = 0
CLOCK_WIDTH = 4
NO_TEMPERATURE = -32768
"""What a temperature register holds where there is no value, as -327.68 °C outside of every valid range."""

_LONGEST_TABLE = 125


class RegisterKind(StrEnum):
    """The device's two tables."""

    HOLDING = "holding"
    INPUT = "input"


@dataclass(frozen=True, slots=True)
class RegisterTable:
    """The clock (int64, microseconds since 1970 UTC), then one value per sensor, all high word first.

    Attributes:
        kind: which table.
        type: of every value, `float32` or `int16`.
        scale: a register's number times this is the value.
        sensors: in order of address.
    """

    kind: RegisterKind
    type: str
    scale: float
    sensors: tuple[Sensor, ...]

    @property
    def width(self) -> int:
        """Registers in the table."""
        return CLOCK_WIDTH + len(self.sensors) * self._value_width

    def address(self, sensor: Sensor) -> int:
        """First register of the sensor's value."""
        return CLOCK_WIDTH + self.sensors.index(sensor) * self._value_width

    def encode(self, time_us: int, values: tuple[float, ...]) -> tuple[int, ...]:
        """The registers that say these values, in the order of `sensors`, at that time."""
        if self.type == "float32":
            content = struct.pack(f">q{len(values)}f", time_us, *values)
        else:
            content = struct.pack(f">q{len(values)}h", time_us, *(self._int16(value) for value in values))
        return struct.unpack(f">{self.width}H", content)

    @property
    def _value_width(self) -> int:
        return 2 if self.type == "float32" else 1

    def _int16(self, value: float) -> int:
        return NO_TEMPERATURE if math.isnan(value) else max(-32767, min(32767, round(value / self.scale)))


@dataclass(frozen=True, slots=True)
class Wiring:
    """All connections of a machine. `topics` maps sensor to topic."""

    tables: tuple[RegisterTable, ...]
    topics: Mapping[str, str]


def wire(machine: Machine) -> Wiring:
    """The wiring of a machine.

    Raises:
        ConfigurationError: it has more sensors than one Modbus read can bring.
    """
    floats = tuple(s for s in machine.sensors if s.quantity in {Quantity.PRESSURE, Quantity.POWER})
    temperatures = tuple(s for s in machine.sensors if s.quantity is Quantity.TEMPERATURE)
    tables = (
        RegisterTable(RegisterKind.HOLDING, "float32", 1.0, floats),
        RegisterTable(RegisterKind.INPUT, "int16", 0.01, temperatures),
    )
    for table in tables:
        if table.width > _LONGEST_TABLE:
            raise ConfigurationError(
                f"machine {machine.name}: {len(table.sensors)} sensors need {table.width} {table.kind} registers, "
                f"at most {_LONGEST_TABLE} are simulated",
                hint="Simulate a machine file with fewer sensors.",
            )
    registers = {*floats, *temperatures}
    return Wiring(tables, {s.name: f"rig/{s.name}" for s in machine.sensors if s not in registers})


def mqtt_payload(time_us: int, value: float) -> bytes:
    """The message of one sample: JSON with value and time, null where there is no value."""
    time = utc_datetime(time_us).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return json.dumps({"value": None if math.isnan(value) else value, "time": time}).encode()
