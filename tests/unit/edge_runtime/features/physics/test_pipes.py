import pytest

from edge_runtime.features.physics.pipes import NO_SIGNAL, Pipes
from edge_runtime.machine import Machine
from edge_runtime.vocabulary import Port


def machine(*sensors: dict, connections: tuple[dict, ...] | None = None) -> Machine:
    """A tank, a pump, a tee to a valve and a filter, and back to the tank."""
    lines = connections or (
        {"source": "tank", "target": "pump"},
        {"source": "pump", "target": "valve"},
        {"source": "pump", "target": "filter"},
        {"source": "filter", "target": "tank"},
        {"source": "valve", "target": "motor"},
        {"source": "motor", "target": "tank"},
    )
    kinds = {
        "tank": "reservoir", "pump": "gear_pump", "valve": "directional_valve", "filter": "filter", "motor": "motor",
    }  # fmt: skip
    return Machine.model_validate({
        "name": "m",
        "components": [{"name": name, "type": kind} for name, kind in kinds.items()],
        "connections": [{"diameter_mm": 20, "length_m": 2, "pressure_rating_bar": 200, **line} for line in lines],
        "sensors": [
            {"rate_hz": 1, "valid_min": 0, "valid_max": 400, "name": f"S{number}", **one}
            for number, one in enumerate(sensors)
        ],
    })  # fmt: skip


def gauge(component: str, port: str) -> dict:
    return {"quantity": "pressure", "unit": "bar", "component": component, "port": port}


def meter(component: str, port: str) -> dict:
    return {"quantity": "flow", "unit": "l/min", "component": component, "port": port}


def thermometer(component: str) -> dict:
    return {"quantity": "temperature", "unit": "°C", "component": component, "port": "temperature_out"}


def test_a_pressure_is_the_same_all_over_a_junction():
    pipes = Pipes.of(machine(gauge("filter", "pressure_in")))
    assert pipes.signals("pump")[Port.PRESSURE_OUT] == 0
    assert Port.PRESSURE_OUT not in Pipes.of(machine(gauge("motor", "pressure_in"))).signals("pump")


def test_a_flow_is_the_same_only_in_a_pipe_that_does_not_branch():
    pipes = Pipes.of(machine(meter("motor", "flow_in"), meter("filter", "flow_in")))
    assert pipes.signals("valve")[Port.FLOW_OUT] == 0
    assert Port.FLOW_OUT not in pipes.signals("pump")


def test_a_gauge_of_its_own_goes_before_the_neighbours():
    pipes = Pipes.of(machine(gauge("filter", "pressure_in"), gauge("pump", "pressure_out")))
    assert pipes.signals("pump")[Port.PRESSURE_OUT] == 1


@pytest.mark.parametrize(("name", "before", "behind"), [("pump", True, False), ("filter", False, True)])
def test_a_tank_has_the_pressure_of_the_atmosphere(name: str, before: bool, behind: bool):
    pipes = Pipes.of(machine(meter("motor", "flow_in")))
    assert (pipes.from_tank(name), pipes.to_tank(name)) == (before, behind)


def test_a_gauge_goes_before_the_tank():
    assert not Pipes.of(machine(gauge("filter", "pressure_out"))).to_tank("filter")


def test_a_drain_carries_no_working_flow():
    drained = machine(
        meter("motor", "flow_in"),
        connections=(
            {"source": "pump", "target": "tank", "type": "drain_line"},
            {"source": "pump", "target": "valve"},
        ),
    )
    assert not Pipes.of(drained).to_tank("pump")


def test_the_nearest_thermometer_is_the_one_the_fewest_pipes_away():
    pipes = Pipes.of(machine(thermometer("motor"), thermometer("tank")))
    assert (pipes.nearest_thermometer("valve"), pipes.nearest_thermometer("filter")) == (0, 1)
    assert Pipes.of(machine(meter("motor", "flow_in"))).nearest_thermometer("pump") == NO_SIGNAL


def test_the_same_meter_at_both_ends_says_nothing_of_a_loss():
    one = meter("valve", "flow_out") | {"also_at": [{"component": "motor", "port": "flow_in"}]}
    assert Pipes.of(machine(one)).flow_beyond("valve") == NO_SIGNAL
    two = Pipes.of(machine(meter("valve", "flow_out"), meter("motor", "flow_in")))
    assert two.flow_beyond("valve") == 1


def test_the_volume_of_a_line_follows_from_bore_and_length():
    pipes = Pipes.of(machine(meter("motor", "flow_in")))
    assert pipes.line_volume_l("valve") == pytest.approx(0.628, abs=1e-3)
    assert pipes.line_volume_l("pump") != pipes.line_volume_l("pump")
