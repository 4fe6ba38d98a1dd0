"""The words that machine files, models and diagnoses share: kinds of component, line and sensor, ports, faults, states.

Where the order of an enumeration is part of a model, its docstring says so.
"""

from enum import StrEnum


class ComponentType(StrEnum):
    """Kinds of hydraulic component. The order is part of the model's input: append only."""

    GEAR_PUMP = "gear_pump"
    PISTON_PUMP = "piston_pump"
    VANE_PUMP = "vane_pump"
    DIRECTIONAL_VALVE = "directional_valve"
    RELIEF_VALVE = "relief_valve"
    FLOW_CONTROL_VALVE = "flow_control_valve"
    CHECK_VALVE = "check_valve"
    CYLINDER = "cylinder"
    MOTOR = "motor"
    ROTARY_ACTUATOR = "rotary_actuator"
    ACCUMULATOR = "accumulator"
    FILTER = "filter"
    RESERVOIR = "reservoir"
    HEAT_EXCHANGER = "heat_exchanger"
    MANIFOLD = "manifold"


class LineType(StrEnum):
    """Kinds of connection."""

    HYDRAULIC_LINE = "hydraulic_line"
    HIGH_PRESSURE_HOSE = "high_pressure_hose"
    LOW_PRESSURE_RETURN = "low_pressure_return"
    PILOT_LINE = "pilot_line"
    DRAIN_LINE = "drain_line"
    MANIFOLD_CONNECTION = "manifold_connection"


class Material(StrEnum):
    """What a pipe or hose is made of."""

    STEEL = "steel"
    RUBBER = "rubber"
    COMPOSITE = "composite"
    THERMOPLASTIC = "thermoplastic"


class Quantity(StrEnum):
    """What a sensor measures."""

    PRESSURE = "pressure"
    FLOW = "flow"
    TEMPERATURE = "temperature"
    SPEED = "speed"
    POWER = "power"
    VIBRATION = "vibration"
    POSITION = "position"
    COMMAND = "command"
    RATIO = "ratio"
    COMPUTED = "computed"


# A computed value is another system's result; it stays in the unit that system gives, so it has no canonical one.
CANONICAL_UNIT = {
    Quantity.PRESSURE: "bar",
    Quantity.FLOW: "l/min",
    Quantity.TEMPERATURE: "°C",
    Quantity.SPEED: "rpm",
    Quantity.POWER: "W",
    Quantity.VIBRATION: "mm/s",
    Quantity.POSITION: "mm",
    Quantity.COMMAND: "%",
    Quantity.RATIO: "%",
}


class Port(StrEnum):
    """Where on a component a sensor sits. All but the last are the model's channels, in order: append before it."""

    PRESSURE_IN = "pressure_in"
    PRESSURE_OUT = "pressure_out"
    FLOW_IN = "flow_in"
    FLOW_OUT = "flow_out"
    SPEED = "speed"
    TEMPERATURE_IN = "temperature_in"
    TEMPERATURE_OUT = "temperature_out"
    POSITION = "position"
    COMMAND = "command"
    POWER = "power"
    VIBRATION = "vibration"
    PRESSURE_DIFFERENCE = "pressure_difference"
    EFFICIENCY = "efficiency"
    """Hydraulic power delivered over power put in, %, by whoever computes it from samples faster than ours."""
    COMPUTED = "computed"


CANONICAL_CHANNELS: tuple[Port, ...] = tuple(port for port in Port if port is not Port.COMPUTED)

PORT_QUANTITY = {
    Port.PRESSURE_IN: Quantity.PRESSURE,
    Port.PRESSURE_OUT: Quantity.PRESSURE,
    Port.FLOW_IN: Quantity.FLOW,
    Port.FLOW_OUT: Quantity.FLOW,
    Port.SPEED: Quantity.SPEED,
    Port.TEMPERATURE_IN: Quantity.TEMPERATURE,
    Port.TEMPERATURE_OUT: Quantity.TEMPERATURE,
    Port.POSITION: Quantity.POSITION,
    Port.COMMAND: Quantity.COMMAND,
    Port.POWER: Quantity.POWER,
    Port.VIBRATION: Quantity.VIBRATION,
    Port.PRESSURE_DIFFERENCE: Quantity.PRESSURE,
    Port.EFFICIENCY: Quantity.COMPUTED,
}


class FaultMode(StrEnum):
    """The nine anomaly types. The order is part of the model's output: append only."""

    PRESSURE_DROP = "pressure_drop"
    OVERHEATING = "overheating"
    CAVITATION = "cavitation"
    LEAKAGE = "leakage"
    VIBRATION_ANOMALY = "vibration_anomaly"
    FLOW_RESTRICTION = "flow_restriction"
    CONTAMINATION = "contamination"
    SEAL_DEGRADATION = "seal_degradation"
    VALVE_STICTION = "valve_stiction"


class Ne107State(StrEnum):
    """NAMUR NE 107 status signals, from best to worst."""

    NORMAL = "normal"
    MAINTENANCE_REQUIRED = "maintenance_required"
    OUT_OF_SPECIFICATION = "out_of_specification"
    CHECK_FUNCTION = "check_function"
    FAILURE = "failure"
