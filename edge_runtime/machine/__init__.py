"""What a machine is made of: components (graph nodes), connections (graph edges), sensors and conditions.

A machine file is YAML; `configs/machines/` holds the shipped ones. Everything is frozen, in canonical units
(bar, °C, l/min, rpm, W, mm/s, %, mm, m) and checked as a whole when it is read.
"""

from edge_runtime.machine.component import Component, Nameplate
from edge_runtime.machine.condition import Condition, Level
from edge_runtime.machine.connection import Connection
from edge_runtime.machine.machine import MACHINES_KEPT, Machine, MisfitError
from edge_runtime.machine.part import Finite, Name
from edge_runtime.machine.sensor import Placement, Sensor

__all__ = [
    "MACHINES_KEPT",
    "Component",
    "Condition",
    "Connection",
    "Finite",
    "Level",
    "Machine",
    "MisfitError",
    "Name",
    "Nameplate",
    "Placement",
    "Sensor",
]
