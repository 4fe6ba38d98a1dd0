from edge_runtime.vocabulary import (
    CANONICAL_CHANNELS,
    CANONICAL_UNIT,
    PORT_QUANTITY,
    ComponentType,
    FaultMode,
    Port,
    Quantity,
)


def test_orders_that_models_depend_on_only_ever_grow():
    assert CANONICAL_CHANNELS == (
        "pressure_in", "pressure_out", "flow_in", "flow_out", "speed", "temperature_in", "temperature_out",
        "position", "command", "power", "vibration", "pressure_difference", "efficiency",
    )  # fmt: skip
    assert tuple(ComponentType)[:15] == (
        "gear_pump", "piston_pump", "vane_pump", "directional_valve", "relief_valve", "flow_control_valve",
        "check_valve", "cylinder", "motor", "rotary_actuator", "accumulator", "filter", "reservoir",
        "heat_exchanger", "manifold",
    )  # fmt: skip
    assert tuple(FaultMode)[:9] == (
        "pressure_drop", "overheating", "cavitation", "leakage", "vibration_anomaly", "flow_restriction",
        "contamination", "seal_degradation", "valve_stiction",
    )  # fmt: skip


def test_every_quantity_but_computed_has_one_unit_and_every_channel_a_quantity():
    assert set(Quantity) - set(CANONICAL_UNIT) == {Quantity.COMPUTED}
    assert set(PORT_QUANTITY) == set(CANONICAL_CHANNELS) == set(Port) - {Port.COMPUTED}
