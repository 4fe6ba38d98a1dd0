"""Which fault modes a kind of component can have at all: the others are never reported for it, whatever a model says.

After the failure modes that H. E. Merritt, Hydraulic Control Systems (1967), and the NSWC Handbook of Reliability
Prediction Procedures for Mechanical Equipment (2011) describe for each kind. A mode is left
out where the component lacks what the mode needs: no valve sticks in a pipe block, no seal moves in a tank.
"""

from collections.abc import Mapping
from types import MappingProxyType

from edge_runtime.vocabulary import ComponentType, FaultMode

_PUMP_OR_MOTOR = frozenset(FaultMode) - {FaultMode.VALVE_STICTION}
_VALVE = frozenset(FaultMode) - {FaultMode.OVERHEATING}
_ACTUATOR = frozenset(
    {
        FaultMode.PRESSURE_DROP,
        FaultMode.OVERHEATING,
        FaultMode.LEAKAGE,
        FaultMode.VIBRATION_ANOMALY,
        FaultMode.FLOW_RESTRICTION,
        FaultMode.CONTAMINATION,
        FaultMode.SEAL_DEGRADATION,
    }
)

POSSIBLE_FAULTS: Mapping[ComponentType, frozenset[FaultMode]] = MappingProxyType(
    {
        ComponentType.GEAR_PUMP: _PUMP_OR_MOTOR,
        ComponentType.PISTON_PUMP: _PUMP_OR_MOTOR,
        ComponentType.VANE_PUMP: _PUMP_OR_MOTOR,
        ComponentType.MOTOR: _PUMP_OR_MOTOR,
        ComponentType.DIRECTIONAL_VALVE: _VALVE,
        ComponentType.RELIEF_VALVE: _VALVE | {FaultMode.OVERHEATING},
        ComponentType.FLOW_CONTROL_VALVE: _VALVE,
        ComponentType.CHECK_VALVE: _VALVE,
        ComponentType.CYLINDER: _ACTUATOR,
        ComponentType.ROTARY_ACTUATOR: _ACTUATOR,
        ComponentType.ACCUMULATOR: frozenset(
            {FaultMode.PRESSURE_DROP, FaultMode.LEAKAGE, FaultMode.FLOW_RESTRICTION, FaultMode.SEAL_DEGRADATION}
        ),
        ComponentType.FILTER: frozenset(
            {
                FaultMode.PRESSURE_DROP,
                FaultMode.LEAKAGE,
                FaultMode.FLOW_RESTRICTION,
                FaultMode.CONTAMINATION,
                FaultMode.SEAL_DEGRADATION,
            }
        ),
        ComponentType.RESERVOIR: frozenset({FaultMode.OVERHEATING, FaultMode.LEAKAGE, FaultMode.CONTAMINATION}),
        ComponentType.HEAT_EXCHANGER: frozenset(
            {
                FaultMode.PRESSURE_DROP,
                FaultMode.OVERHEATING,
                FaultMode.LEAKAGE,
                FaultMode.VIBRATION_ANOMALY,
                FaultMode.FLOW_RESTRICTION,
                FaultMode.CONTAMINATION,
            }
        ),
        ComponentType.MANIFOLD: frozenset(
            {
                FaultMode.PRESSURE_DROP,
                FaultMode.LEAKAGE,
                FaultMode.FLOW_RESTRICTION,
                FaultMode.CONTAMINATION,
                FaultMode.SEAL_DEGRADATION,
            }
        ),
    }
)


def is_possible(component_type: ComponentType, fault: FaultMode) -> bool:
    """Whether a component of this type can have this fault."""
    return fault in POSSIBLE_FAULTS[component_type]
