from pathlib import Path

import pytest

from edge_runtime.features.physics.possible import BYPASSED, possible_residuals
from edge_runtime.features.physics.registry import residuals_of
from edge_runtime.machine import Component, Machine
from edge_runtime.machine_file import load_machine
from edge_runtime.vocabulary import ComponentType
from tests.models.measured_component import measured_component

CONFIGS = Path(__file__).parents[5] / "configs"


def missing(machine: Machine) -> dict[tuple[str, str], tuple[str, ...]]:
    return {(one.component, one.residual.name): one.missing for one in possible_residuals(machine)}


def without(machine: Machine, *sensors: str) -> Machine:
    return machine.model_copy(update={"sensors": tuple(one for one in machine.sensors if one.name not in sensors)})


def with_part(machine: Machine, **changes: object) -> Machine:
    before, part, after = machine.components
    changed = Component.model_validate({**part.model_dump(), **changes})
    return machine.model_copy(update={"components": (before, changed, after)})


@pytest.mark.parametrize("kind", ComponentType)
def test_with_every_sensor_everything_is_possible(kind: ComponentType):
    found = {one.residual for one in possible_residuals(measured_component(kind)) if one.component == "part"}
    assert found == set(residuals_of(kind))
    assert not any(missing(measured_component(kind)).values())


def test_a_missing_sensor_is_named_with_its_place():
    pump = without(measured_component(ComponentType.GEAR_PUMP), "power")
    assert missing(pump)["part", "pump_overall_efficiency"] == ("a power sensor at part.power",)
    assert missing(pump)["part", "pump_volumetric_efficiency"] == ()


def test_a_missing_value_of_the_nameplate_is_named():
    pump = with_part(measured_component(ComponentType.GEAR_PUMP), nameplate={"pressure_bar": 200, "flow_l_min": 30})
    assert missing(pump)["part", "pump_leakage"] == ("displacement_cm3 on the nameplate of part",)
    assert missing(without(pump, "speed"))["part", "pump_leakage"] == (
        "displacement_cm3 on the nameplate of part",
        "a speed sensor at part.speed or speed_rpm on the nameplate of part",
    )


def test_a_sensor_that_is_too_slow_is_asked_to_be_faster():
    valve = measured_component(ComponentType.DIRECTIONAL_VALVE)
    slow = valve.model_copy(update={"sensors": tuple(one.model_copy(update={"rate_hz": 1.0}) for one in valve.sensors)})
    assert missing(slow)["part", "valve_rise_time"] == ("a pressure sensor at part.pressure_out at 20 Hz or more",)
    assert missing(slow)["part", "valve_conductance"] == ()


def test_the_meter_beyond_a_line_is_asked_to_be_as_fast_as_the_one_ahead():
    """A slow one holds its value: what fills the line between two of its readings would look like air in the oil."""
    line = measured_component(ComponentType.FILTER)
    slow = [one.model_copy(update={"rate_hz": 1.0}) if one.name == "flow_beyond" else one for one in line.sensors]
    found = missing(line.model_copy(update={"sensors": tuple(slow)}))
    (lacking,) = found["part", "line_bulk_modulus"]
    assert lacking.startswith("a flow sensor of its own at ")
    assert lacking.endswith(" at 50 Hz or more")
    assert found["part", "line_flow_loss"] == ()


def test_either_flow_meter_will_do():
    both = without(measured_component(ComponentType.FILTER), "flow_beyond")
    for one in ("flow_in", "flow_out"):
        assert missing(without(both, one))["part", "filter_resistance"] == ()
    assert missing(without(both, "flow_in", "flow_out"))["part", "filter_resistance"] == (
        "a flow sensor at part.flow_out",
    )


def test_nothing_can_be_told_across_a_component_that_oil_passes_by():
    bypassed = with_part(measured_component(ComponentType.FILTER), bypassed=True)
    assert missing(bypassed)["part", "filter_resistance"] == (BYPASSED,)


def test_lines_without_a_flow_meter_are_left_out():
    lines = without(measured_component(ComponentType.MANIFOLD), "flow_out", "flow_beyond")
    assert not [place for place in missing(lines) if place[0] == "part"]


def test_what_the_rig_lacks_is_said():
    found = missing(load_machine(CONFIGS / "machines" / "zema.yaml"))
    assert found["cooler", "cooler_effectiveness"] == ("coolant_c on the nameplate of cooler",)
    assert found["valve", "valve_conductance"] == ("a command sensor at valve.command",)
    assert found["secondary_filter", "filter_resistance"] == (BYPASSED,)
    assert found["accumulator", "accumulator_gas"] == ()
    assert len([place for place, lacking in found.items() if not lacking]) == 15
