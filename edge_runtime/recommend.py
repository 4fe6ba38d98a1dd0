"""What to do about a diagnosis: for each fault and kind of component an action, and the check that would confirm it.

The checks are what a technician does with what is in the van: gauge, thermometer, flow meter, stop-watch, oil sample.
They stand beside the action because a diagnosis is a suspicion until somebody has looked. The entries are common
trouble-shooting practice; ISO 4413 rules the work on accumulators and hoses, ISO 4406 the cleanliness of oil.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from edge_runtime.diagnosis import ComponentDiagnosis, Recommendation
from edge_runtime.vocabulary import ComponentType, FaultMode, Ne107State

_URGENCY = {state: rank for rank, state in enumerate(Ne107State)}


class Advice(NamedTuple):
    """What to do, and what to check before."""

    action: str
    check: str


GENERAL_ADVICE: Mapping[FaultMode, Advice] = MappingProxyType(
    {
        FaultMode.PRESSURE_DROP: Advice(
            "Find and mend the cause of the lost pressure.",
            "Put a gauge ahead of and behind the component at working load and compare with the nameplate.",
        ),
        FaultMode.OVERHEATING: Advice(
            "Restore the cooling or take away the load until the oil is below 60 °C.",
            "Measure the surface temperature with an infrared thermometer and look for a valve that throttles.",
        ),
        FaultMode.CAVITATION: Advice(
            "Restore the flow on the suction side before the component runs on.",
            "Listen for rattling; read the vacuum at the inlet; check oil level, suction strainer and viscosity.",
        ),
        FaultMode.LEAKAGE: Advice(
            "Overhaul or replace the component.",
            "Shut it off on the load side and measure the leakage at its drain with a measuring jug.",
        ),
        FaultMode.VIBRATION_ANOMALY: Advice(
            "Tighten or align the mounting, then replace worn bearings.",
            "Measure the vibration at the housing in three directions; with the power off feel the coupling for play.",
        ),
        FaultMode.FLOW_RESTRICTION: Advice(
            "Clear or replace what narrows the flow.",
            "Measure the pressure drop across the component at full flow and compare with a clean one.",
        ),
        FaultMode.CONTAMINATION: Advice(
            "Clean the oil to its target class and replace the filter elements.",
            "Take an oil sample at the return line and have particles (ISO 4406) and water counted.",
        ),
        FaultMode.SEAL_DEGRADATION: Advice(
            "Replace the seals.",
            "Wipe the component clean, run it under pressure and look for oil at rod, shaft and flanges.",
        ),
        FaultMode.VALVE_STICTION: Advice(
            "Clean the spool and its bore, or replace the valve.",
            "Work the manual override: it must move freely. Measure the time from command to change of pressure.",
        ),
    }
)

_PUMP_LEAKAGE = Advice(
    "Plan to overhaul or replace the pump.",
    "Measure the flow at the case drain, or the delivered flow at rated pressure, and compare with the data sheet.",
)
_PUMP_CAVITATION = Advice(
    "Stop the pump and restore its suction: it destroys itself within hours.",
    "Check oil level, suction valve, strainer and oil temperature; the vacuum at the inlet should be under 0.2 bar.",
)

SPECIAL_ADVICE: Mapping[tuple[FaultMode, ComponentType], Advice] = MappingProxyType(
    {
        (FaultMode.LEAKAGE, ComponentType.GEAR_PUMP): _PUMP_LEAKAGE,
        (FaultMode.LEAKAGE, ComponentType.PISTON_PUMP): _PUMP_LEAKAGE,
        (FaultMode.LEAKAGE, ComponentType.VANE_PUMP): _PUMP_LEAKAGE,
        (FaultMode.CAVITATION, ComponentType.GEAR_PUMP): _PUMP_CAVITATION,
        (FaultMode.CAVITATION, ComponentType.PISTON_PUMP): _PUMP_CAVITATION,
        (FaultMode.CAVITATION, ComponentType.VANE_PUMP): _PUMP_CAVITATION,
        (FaultMode.VALVE_STICTION, ComponentType.DIRECTIONAL_VALVE): Advice(
            "Clean or replace the valve; check its solenoid and the driver's current.",
            "Measure the solenoid current at the plug against the data sheet, and the time from command to pressure.",
        ),
        (FaultMode.VALVE_STICTION, ComponentType.RELIEF_VALVE): Advice(
            "Take out and clean the relief valve's poppet and seat, then set it again with a gauge.",
            "Raise the pressure slowly against a gauge: it must open at its setting and close without hunting.",
        ),
        (FaultMode.PRESSURE_DROP, ComponentType.ACCUMULATOR): Advice(
            "Fill nitrogen to the rated pre-charge; if it is lost again soon, replace bladder or gas valve.",
            "Release the oil pressure to zero, then read the pre-charge with a filling and test device at 20 °C.",
        ),
        (FaultMode.SEAL_DEGRADATION, ComponentType.ACCUMULATOR): Advice(
            "Replace the bladder or piston seals.",
            "With the oil side empty, press the gas valve for a moment: oil in the gas means that the bladder is torn.",
        ),
        (FaultMode.OVERHEATING, ComponentType.HEAT_EXCHANGER): Advice(
            "Clean the cooler's fins or tubes and restore its fan or water flow.",
            "See that the fan turns or water flows; measure oil in and out: less than 3 K under load means no cooling.",
        ),
        (FaultMode.OVERHEATING, ComponentType.RESERVOIR): Advice(
            "Find what heats the oil: the cooler, a relief valve that is always open, or too little oil.",
            "Check the oil level, then the return line of each relief valve by hand for heat.",
        ),
        (FaultMode.FLOW_RESTRICTION, ComponentType.FILTER): Advice(
            "Replace the filter element.",
            "Read the clogging indicator with the oil at working temperature.",
        ),
        (FaultMode.CONTAMINATION, ComponentType.FILTER): Advice(
            "Replace the filter element and find where the dirt comes in.",
            "Read the clogging indicator; cut the old element open and look for metal.",
        ),
        (FaultMode.PRESSURE_DROP, ComponentType.RELIEF_VALVE): Advice(
            "Set the relief valve again, or replace its spring or poppet.",
            "Dead-head the line for a moment and read on a gauge where the valve opens.",
        ),
        (FaultMode.LEAKAGE, ComponentType.CYLINDER): Advice(
            "Replace the piston seals.",
            "Drive to the end stop under pressure, take off the return hose: oil that still flows passes the piston.",
        ),
        (FaultMode.LEAKAGE, ComponentType.CHECK_VALVE): Advice(
            "Clean or replace the check valve.",
            "Stop the pump under load and time how long the pressure behind the valve holds.",
        ),
    }
)

_LOOK_AT_IT = Advice(
    "Inspect the component.",
    "Compare the sensors named as evidence with a gauge, and look and listen at the component.",
)


def recommend(diagnoses: Sequence[ComponentDiagnosis]) -> tuple[Recommendation, ...]:
    """What to do, most urgent first and then worst health first; nothing for a component that is normal."""
    unwell = [item for item in diagnoses if item.ne107 is not Ne107State.NORMAL]
    unwell.sort(key=lambda item: (-_URGENCY[item.ne107], 0.0 if item.health is None else item.health))
    return tuple(_recommendation(item) for item in unwell)


def advice_for(component_type: ComponentType, fault: FaultMode | None) -> Advice:
    """The advice for a fault of a kind of component; without a fault, to go and look."""
    if fault is None:
        return _LOOK_AT_IT
    return SPECIAL_ADVICE.get((fault, component_type), GENERAL_ADVICE[fault])


def _recommendation(item: ComponentDiagnosis) -> Recommendation:
    if item.abstained and item.ne107 is Ne107State.OUT_OF_SPECIFICATION:
        advice = Advice(
            "Check what the diagnosis finds unusual; if it is right, record and label it to train on.",
            item.reason or "",
        )
    elif item.abstained:
        advice = Advice("Restore what the diagnosis lacks.", item.reason or "")
    else:
        faults = item.fault_probabilities
        advice = advice_for(item.type, max(faults, key=lambda fault: faults[fault]) if faults else None)
    return Recommendation(component=item.component, urgency=item.ne107, action=advice.action, check=advice.check)
