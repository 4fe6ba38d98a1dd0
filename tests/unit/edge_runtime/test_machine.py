import copy
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_runtime.machine import Component, Condition, Connection, Level, Machine, Nameplate, Sensor
from edge_runtime.vocabulary import (
    CANONICAL_CHANNELS,
    CANONICAL_UNIT,
    PORT_QUANTITY,
    ComponentType,
    FaultMode,
    Material,
    Ne107State,
    Port,
)

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,10}", fullmatch=True)
MACHINE = {
    "name": "press",
    "components": [
        {"name": "tank", "type": "reservoir"},
        {"name": "pump", "type": "gear_pump"},
        {"name": "valve", "type": "directional_valve"},
    ],
    "connections": [
        {"source": "tank", "target": "pump", "diameter_mm": 25, "length_m": 1, "pressure_rating_bar": 16},
        {"source": "pump", "target": "valve", "diameter_mm": 12, "length_m": 2, "pressure_rating_bar": 315},
    ],
    "sensors": [
        {
            "name": "p", "quantity": "pressure", "unit": "bar", "component": "pump", "port": "pressure_out",
            "rate_hz": 100, "valid_min": 0, "valid_max": 400,
            "also_at": [{"component": "valve", "port": "pressure_in"}],
        },
        {
            "name": "t", "quantity": "temperature", "unit": "°C", "component": "tank", "port": "temperature_out",
            "rate_hz": 1, "valid_min": -40, "valid_max": 150,
        },
    ],
    "conditions": [
        {
            "name": "wear", "component": "pump", "fault": "leakage",
            "levels": [
                {"label": 0, "health": 1, "state": "normal"},
                {"label": 2, "health": 0.3, "state": "failure"},
            ],
        }
    ],
}  # fmt: skip


def changed(*path, to):
    """`MACHINE` with one value changed, or one item added to a list (index −1)."""
    content = copy.deepcopy(MACHINE)
    at = content
    for step in path[:-1]:
        at = at[step]
    if path[-1] == -1:
        at.append(to)
    else:
        at[path[-1]] = to
    return content


@st.composite
def machines(draw) -> Machine:
    names = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    components = tuple(Component(name=name, type=draw(st.sampled_from(ComponentType))) for name in names)
    pairs = st.tuples(st.sampled_from(names), st.sampled_from(names)).filter(lambda pair: pair[0] != pair[1])
    connections = tuple(
        Connection(
            source=source,
            target=target,
            diameter_mm=draw(st.floats(1, 100)),
            length_m=draw(st.floats(0.1, 50)),
            material=draw(st.sampled_from(Material)),
            pressure_rating_bar=draw(st.floats(1, 700)),
        )
        for source, target in (draw(st.lists(pairs, max_size=6)) if len(names) > 1 else [])
    )
    places = draw(
        st.lists(st.tuples(st.sampled_from(names), st.sampled_from(CANONICAL_CHANNELS)), min_size=1, unique=True)
    )
    sensors = tuple(
        Sensor(
            name=f"S{number}",
            quantity=PORT_QUANTITY[port],
            unit=CANONICAL_UNIT.get(PORT_QUANTITY[port], "%"),
            component=component,
            port=port,
            rate_hz=draw(st.floats(0.001, 10_000)),
            valid_min=-1,
            valid_max=1,
        )
        for number, (component, port) in enumerate(places)
    )
    return Machine(name="m", components=components, connections=connections, sensors=sensors)


@given(machines())
def test_a_machine_survives_json(machine):
    assert Machine.model_validate_json(machine.model_dump_json()) == machine


@given(machines())
def test_indices_and_lookups_agree(machine):
    assert [machine.components[index].name for index in machine.component_index.values()] == list(
        machine.component_index
    )
    for sensor in machine.sensors:
        assert machine.sensor(sensor.name) is sensor
        assert sensor.step_us >= 100


def test_the_example_is_right():
    machine = Machine.model_validate(MACHINE)
    assert [placement.component for placement in machine.sensor("p").placements] == ["pump", "valve"]
    assert machine.condition_of("pump").fault is FaultMode.LEAKAGE
    assert machine.condition_of("tank") is None
    with pytest.raises(KeyError):
        machine.sensor("q")


@pytest.mark.parametrize(
    ("content", "where", "message"),
    [
        (changed("connections", 1, "target", to="valv"), ("connections", 1, "target"), "there is no component 'valv'"),
        (changed("connections", 0, "source", to="x"), ("connections", 0, "source"), "name one of tank, pump, valve"),
        (changed("connections", 0, "target", to="tank"), ("connections", 0, "target"), "leads from 'tank' to itself"),
        (changed("sensors", 1, "component", to="x"), ("sensors", 1, "component"), "there is no component 'x'"),
        (
            changed("sensors", 0, "also_at", 0, "component", to="x"),
            ("sensors", 0, "also_at", 0, "component"),
            "there is no component 'x'",
        ),
        (changed("conditions", 0, "component", to="x"), ("conditions", 0, "component"), "there is no component 'x'"),
        (changed("components", 2, "name", to="pump"), ("components", 2), "give each of the components its own name"),
        (changed("sensors", 1, "name", to="p"), ("sensors", 1), "'p' is there already"),
        (
            changed("sensors", -1, to=MACHINE["sensors"][0] | {"name": "p2", "also_at": []}),
            ("sensors", 2),
            "pump.pressure_out is taken by sensor 'p'",
        ),
        (
            changed("conditions", -1, to=MACHINE["conditions"][0] | {"name": "noise"}),
            ("conditions", 1, "component"),
            "has the condition 'wear' already",
        ),
    ],
)
def test_what_does_not_fit_the_whole_is_located(content, where, message):
    with pytest.raises(ValidationError) as caught:
        Machine.model_validate(content)
    (fault,) = caught.value.errors()
    assert fault["ctx"]["error"].location == where
    assert message in fault["msg"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed("sensors", 0, "unit", to="psi"), "write 'bar', the canonical unit"),
        (changed("sensors", 0, "port", to="flow_in"), "port flow_in is for a flow sensor, this one measures pressure"),
        (changed("sensors", 0, "valid_max", to=0), "valid_min 0.0 must be less than valid_max 0.0"),
        (changed("sensors", 0, "valid_max", to=math.nan), "finite number"),
        (changed("sensors", 0, "rate_hz", to=0), "greater than or equal to 0.001"),
        (changed("components", 0, "criticality", to=math.nan), "less than or equal to 1"),
        (changed("components", 0, "nameplate", to={"pressure_bar": 0}), "greater than 0"),
        (changed("components", to=[]), "at least 1 item"),
        (changed("conditions", 0, "levels", 1, "label", to="0"), "repeat a label"),
        (changed("conditions", 0, "levels", 1, "label", to=False), "write it in quotes"),
        (changed("conditions", 0, "levels", 1, "health", to=1), "must go from healthy to failed"),
        (changed("name", to="a b"), "match pattern"),
    ],
)
def test_a_wrong_part_is_refused(content, message):
    with pytest.raises(ValidationError, match=message):
        Machine.model_validate(content)


def test_a_computed_value_keeps_its_unit_and_has_no_place_on_a_component():
    computed = MACHINE["sensors"][1] | {"name": "CP", "quantity": "computed", "unit": "kW"}
    with pytest.raises(ValidationError, match="write computed, no component has a place for its value"):
        Machine.model_validate(changed("sensors", -1, to=computed))
    right = Machine.model_validate(changed("sensors", -1, to=computed | {"port": "computed"}))
    assert right.sensor("CP").unit == "kW"


def test_an_efficiency_is_a_computed_value_in_percent_at_a_port_of_its_own():
    efficiency = MACHINE["sensors"][1] | {"name": "eta", "quantity": "computed", "port": "efficiency"}
    with pytest.raises(ValidationError, match="of an efficiency: write '%'"):
        Machine.model_validate(changed("sensors", -1, to=efficiency | {"unit": "kW"}))
    machine = Machine.model_validate(changed("sensors", -1, to=efficiency | {"unit": "%"}))
    assert machine.sensor("eta").port is Port.EFFICIENCY


def test_any_number_of_computed_sensors_share_a_component():
    computed = MACHINE["sensors"][1] | {"port": "computed"}
    content = changed("sensors", -1, to=computed | {"name": "t2"})
    content["sensors"].append(computed | {"name": "t3"})
    assert len(Machine.model_validate(content).sensors) == 4


@pytest.mark.parametrize(("label", "index"), [(100, 0), ("100", 0), ("worn", 1)])
def test_levels_are_found_by_their_label_as_text(label, index):
    levels = (
        Level(label=100, health=1, state=Ne107State.NORMAL),
        Level(label="worn", health=0, state=Ne107State.FAILURE),
    )
    condition = Condition(name="c", component="x", fault=FaultMode.LEAKAGE, levels=levels)
    assert condition.level_of(label) == index
    with pytest.raises(KeyError):
        condition.level_of(90)


def test_a_rod_thicker_than_its_cylinder_is_refused():
    with pytest.raises(ValidationError, match="rod_mm 60 must be less than bore_mm 50"):
        Nameplate(bore_mm=50, rod_mm=60)


def test_equal_machines_are_one_key():
    machine = Machine.model_validate(MACHINE)
    assert {machine: 1}[Machine.model_validate(MACHINE)] == 1


def test_a_machine_file_may_name_its_oil():
    machine = Machine.model_validate({**MACHINE, "fluid": {"iso_vg": 32, "viscosity_100c_mm2_s": 5.6}})
    assert machine.fluid.iso_vg == 32
    assert Machine.model_validate(MACHINE).fluid.iso_vg == 46
