"""A machine of one component between two tanks, with a sensor at every port and everything on its nameplate."""

from math import sqrt

import numpy as np
import numpy.typing as npt

from edge_runtime.machine import Component, Connection, Machine, Nameplate, Sensor
from edge_runtime.vocabulary import CANONICAL_CHANNELS, CANONICAL_UNIT, PORT_QUANTITY, ComponentType, Port
from edge_runtime.window import ChannelWindow, Window

MINUTE_US = 60_000_000
RATE_HZ = 50.0


def measured_component(kind: ComponentType, *, size: float = 1.0) -> Machine:
    """The machine; `size` times as much oil flows, at the same pressures."""
    nameplate = Nameplate(
        pressure_bar=200, flow_l_min=30 * size, speed_rpm=1500, power_w=10_000 * size, vibration_mm_s=5, stroke_mm=500,
        displacement_cm3=20 * size, volume_l=2 * size, precharge_bar=100, response_ms=50, coolant_c=20,
        bore_mm=50 * sqrt(size), rod_mm=30 * sqrt(size),
    )  # fmt: skip
    sensors = [_sensor(port.value, "part", port) for port in CANONICAL_CHANNELS if port is not Port.EFFICIENCY]
    return Machine(
        name="measured",
        nameplate=nameplate,
        components=(
            Component(name="before", type=ComponentType.MANIFOLD),
            Component(name="part", type=kind, nameplate=nameplate),
            Component(name="after", type=ComponentType.MANIFOLD),
        ),
        connections=tuple(
            Connection(source=one, target=other, diameter_mm=12 * sqrt(size), length_m=1, pressure_rating_bar=300)
            for one, other in (("before", "part"), ("part", "after"))
        ),
        sensors=(*sensors, _sensor("flow_beyond", "after", Port.FLOW_IN)),
    )


def window_of_values(machine: Machine, values: npt.NDArray[np.float32]) -> Window:
    """A minute at the sensors' own rate from float32 [sensors, n], one row a sensor."""
    step_us = MINUTE_US // values.shape[1]
    channels = (ChannelWindow(one.name, step_us, row) for one, row in zip(machine.sensors, values, strict=True))
    return Window(machine.name, 0, MINUTE_US, tuple(channels))


def _sensor(name: str, component: str, port: Port) -> Sensor:
    quantity = PORT_QUANTITY[port]
    return Sensor(
        name=name, quantity=quantity, unit=CANONICAL_UNIT[quantity], component=component, port=port, rate_hz=RATE_HZ,
        valid_min=-1e9, valid_max=1e9, also_at=(),
    )  # fmt: skip
