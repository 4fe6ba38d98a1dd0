"""What makes signals dimensionless: rated values, from the component, the machine, or usual ones."""

from edge_runtime.machine import Component, Machine, Nameplate
from edge_runtime.vocabulary import Quantity

# For what neither the component's nor the machine's nameplate says: usual values of industrial hydraulics.
USUAL_NAMEPLATE = Nameplate(
    pressure_bar=250, flow_l_min=100, speed_rpm=1500, power_w=10_000, vibration_mm_s=5, stroke_mm=500, response_ms=50
)

# Temperatures have no natural zero: 40 °C, at which oils are graded, becomes 0 and 80 °C becomes 1 on any machine.
TEMPERATURE_OFFSET_C = 40.0
TEMPERATURE_SCALE_K = 40.0

_NAMEPLATE_FIELD = {
    Quantity.PRESSURE: "pressure_bar",
    Quantity.FLOW: "flow_l_min",
    Quantity.SPEED: "speed_rpm",
    Quantity.POWER: "power_w",
    Quantity.VIBRATION: "vibration_mm_s",
    Quantity.POSITION: "stroke_mm",
}


def normalisation(machine: Machine, component: Component, quantity: Quantity) -> tuple[float, float]:
    """Offset and scale that make a quantity dimensionless at a component: (value − offset)/scale."""
    if quantity is Quantity.TEMPERATURE:
        return TEMPERATURE_OFFSET_C, TEMPERATURE_SCALE_K
    field = _NAMEPLATE_FIELD.get(quantity)
    if field is None:  # command, ratio and efficiency, in percent
        return 0.0, 100.0
    nameplates = (component.nameplate, machine.nameplate, USUAL_NAMEPLATE)
    return 0.0, next(float(value) for plate in nameplates if (value := getattr(plate, field)) is not None)
