from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.baseline.deviation import DEVIATIONS
from edge_runtime.features.classic import CLASSIC
from edge_runtime.features.physics.registry import PHYSICS
from edge_runtime.graph import EDGE_FEATURES, GraphSample
from edge_runtime.graph_builder import build_graph, build_graphs, join_graphs
from edge_runtime.machine import Component, Connection, Machine, Nameplate, Placement, Sensor
from edge_runtime.machine_file import load_machine
from edge_runtime.reading import Series
from edge_runtime.recording import read_recording
from edge_runtime.vocabulary import CANONICAL_CHANNELS, ComponentType, Material, Port, Quantity
from edge_runtime.window import ChannelWindow, Window
from edge_runtime.windowing import cut_window

CONFIGS = Path(__file__).parents[3] / "configs"
MINUTE = 60_000_000
PRESSURE_OUT = CANONICAL_CHANNELS.index(Port.PRESSURE_OUT)
PRESSURE_IN = CANONICAL_CHANNELS.index(Port.PRESSURE_IN)
TEMPERATURE_IN = CANONICAL_CHANNELS.index(Port.TEMPERATURE_IN)


def sensor(name, quantity, unit, component, port, **more) -> Sensor:
    return Sensor(
        name=name,
        quantity=quantity,
        unit=unit,
        component=component,
        port=port,
        rate_hz=1,
        valid_min=-1e4,
        valid_max=1e5,
        **more,
    )


MACHINE = Machine(
    name="press",
    nameplate=Nameplate(pressure_bar=200, flow_l_min=50),
    components=(
        Component(name="tank", type=ComponentType.RESERVOIR),
        Component(name="pump", type=ComponentType.VANE_PUMP),
        Component(name="valve", type=ComponentType.DIRECTIONAL_VALVE, nameplate=Nameplate(pressure_bar=100)),
    ),
    connections=(
        Connection(
            source="tank", target="pump", diameter_mm=25, length_m=2, material=Material.RUBBER, pressure_rating_bar=40
        ),
        Connection(
            source="pump",
            target="valve",
            diameter_mm=50,
            length_m=10,
            material=Material.THERMOPLASTIC,
            pressure_rating_bar=400,
            loss_coefficient=0.7,
        ),
    ),
    sensors=(
        sensor(
            "p", Quantity.PRESSURE, "bar", "pump", Port.PRESSURE_OUT,
            also_at=(Placement(component="valve", port=Port.PRESSURE_IN),),
        ),
        sensor("t", Quantity.TEMPERATURE, "°C", "pump", Port.TEMPERATURE_IN),
        sensor("u", Quantity.COMMAND, "%", "valve", Port.COMMAND),
        sensor("n", Quantity.SPEED, "rpm", "pump", Port.SPEED),
        sensor("eta", Quantity.COMPUTED, "kW", "pump", Port.COMPUTED),
    ),
)  # fmt: skip


def window(**values) -> Window:
    return Window(
        "press",
        0,
        MINUTE,
        tuple(
            ChannelWindow(one.name, MINUTE // max(1, len(given)), np.asarray(given, np.float32))
            for one in MACHINE.sensors
            for given in [values.get(one.name, ())]
        ),
    )


def feature(sample: GraphSample, node: int, channel: int, name: str) -> float:
    return float(sample.features.reshape(sample.nodes, 13, 34)[node, channel, CLASSIC.names.index(name)])


def test_shapes_and_types_are_those_of_the_contract():
    sample = build_graph(MACHINE, window(p=np.full(60, 150.0)))
    shapes = {name: getattr(sample, name).shape for name in GraphSample.INPUTS}
    assert shapes == {
        "sequence": (3, 13, 64),
        "sequence_mask": (3, 13, 64),
        "features": (3, 442),
        "feature_mask": (3, 442),
        "machine_features": (3, 4),
        "machine_feature_mask": (3, 4),
        "component_type": (3,),
        "edge_index": (2, 2),
        "edge_features": (2, EDGE_FEATURES),
        "residuals": (3, len(PHYSICS)),
        "residual_mask": (3, len(PHYSICS)),
        "deviation": (3, DEVIATIONS),
        "deviation_mask": (3, DEVIATIONS),
    }
    for name in GraphSample.INPUTS:
        expected = np.int64 if name in {"component_type", "edge_index"} else np.float32
        assert getattr(sample, name).dtype == expected, name
        assert getattr(sample, name).flags.c_contiguous, name


def test_a_signal_stands_at_each_of_its_places_by_that_components_nameplate():
    values = 150 + 10 * np.sin(np.arange(60))
    sample = build_graph(MACHINE, window(p=values))
    assert feature(sample, 1, PRESSURE_OUT, "mean") == pytest.approx(values.mean() / 200, rel=1e-5)
    assert feature(sample, 2, PRESSURE_IN, "mean") == pytest.approx(values.mean() / 100, rel=1e-5)
    assert feature(sample, 2, PRESSURE_IN, "std") == pytest.approx(values.std() / 100, rel=1e-5)
    assert feature(sample, 1, PRESSURE_OUT, "skewness") == feature(sample, 2, PRESSURE_IN, "skewness")
    np.testing.assert_allclose(sample.sequence[1, PRESSURE_OUT] * 2, sample.sequence[2, PRESSURE_IN], rtol=1e-6)


def test_temperatures_are_relative_to_40_degrees():
    sample = build_graph(MACHINE, window(t=np.linspace(40, 80, 60)))
    assert feature(sample, 1, TEMPERATURE_IN, "min") == pytest.approx(0, abs=1e-6)
    assert feature(sample, 1, TEMPERATURE_IN, "max") == pytest.approx(1)
    assert feature(sample, 1, TEMPERATURE_IN, "std") == pytest.approx(np.linspace(0, 1, 60).std(), rel=1e-5)


def test_percent_is_a_share_and_what_no_nameplate_says_is_taken_as_usual():
    sample = build_graph(MACHINE, window(u=np.full(60, 50.0), n=np.full(60, 3000.0)))
    assert sample.sequence[2, CANONICAL_CHANNELS.index(Port.COMMAND)] == pytest.approx(0.5)
    assert sample.sequence[1, CANONICAL_CHANNELS.index(Port.SPEED)] == pytest.approx(2.0)


def test_what_is_missing_is_masked():
    values = np.full(60, 100.0)
    values[:30] = np.nan
    sample = build_graph(MACHINE, window(p=values, eta=np.ones(60)))
    assert sample.sequence_mask[1, PRESSURE_OUT].tolist() == [0.0] * 32 + [1.0] * 32
    assert not sample.sequence[1, PRESSURE_OUT, :32].any()
    measured = np.zeros((3, 13), bool)
    measured[1, PRESSURE_OUT] = measured[2, PRESSURE_IN] = True
    np.testing.assert_array_equal(sample.sequence_mask.any(axis=2), measured)
    np.testing.assert_array_equal(sample.feature_mask.reshape(3, 13, 34).any(axis=2), measured)


def test_a_silent_machine_is_a_graph_without_values():
    sample = build_graph(MACHINE, window())
    for name in ("sequence", "features", "machine_features"):
        assert not getattr(sample, name).any()
    assert not sample.sequence_mask.any()
    assert not sample.feature_mask.any()
    assert not sample.machine_feature_mask.any()


def test_edges_carry_pipe_and_direction():
    sample = build_graph(MACHINE, window())
    assert sample.edge_index.tolist() == [[0, 1], [1, 2]]
    np.testing.assert_allclose(
        sample.edge_features, [[0.5, 0.2, 0.25, 0, 0.1, 0, 1, 0], [1, 1, 1, 0.7, 1, 0, 0, 1]], rtol=1e-6
    )
    assert sample.component_type.tolist() == [12, 2, 3]


def test_a_machine_without_pipes_has_no_edges():
    lone = MACHINE.model_copy(update={"connections": ()})
    sample = build_graph(lone, window())
    assert sample.edge_index.shape == (2, 0)
    assert sample.edge_features.shape == (0, EDGE_FEATURES)


def test_joined_graphs_stay_apart():
    one = build_graph(MACHINE, window(p=np.full(60, 100.0)))
    other = build_graph(MACHINE, window(p=np.full(60, 50.0)))
    joined = join_graphs([one, other, one])
    assert joined.nodes == 9
    assert joined.edge_index.tolist() == [[0, 1, 3, 4, 6, 7], [1, 2, 4, 5, 7, 8]]
    np.testing.assert_array_equal(joined.sequence[3:6], other.sequence)
    np.testing.assert_array_equal(joined.features[6:], one.features)
    assert {name: getattr(joined, name).dtype for name in GraphSample.INPUTS} == {
        name: getattr(one, name).dtype for name in GraphSample.INPUTS
    }


def test_graphs_made_together_are_those_made_alone_whatever_stands_beside_them():
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    recording = read_recording(CONFIGS / "recordings" / "zema-full-rate")
    random = np.random.default_rng(5)
    windows = []
    for number in range(12):
        row = recording.labels[number % len(recording.labels)]
        length_us = (row.end_us - row.start_us) // (1 + number // 8)  # the last ones are shorter
        whole = cut_window(machine, recording.series, row.start_us, row.start_us + length_us)
        gaps = [random.random(len(channel.values)) < random.choice([0, 0, 0.3, 1.0]) for channel in whole.channels]
        channels = tuple(
            replace(channel, values=np.where(gap, np.float32("nan"), channel.values))
            for channel, gap in zip(whole.channels, gaps, strict=True)
        )
        windows.append(replace(whole, channels=channels))
    together = build_graphs(machine, windows, [None] * len(windows))
    for window_alone, graph in zip(windows, together, strict=True):
        alone = build_graph(machine, window_alone)
        for name in GraphSample.INPUTS:
            np.testing.assert_array_equal(getattr(graph, name), getattr(alone, name), err_msg=name)


def test_residuals_that_the_model_does_not_take_are_left_masked():
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    recording = read_recording(CONFIGS / "recordings" / "zema-full-rate")
    row = recording.labels[0]
    cut = cut_window(machine, recording.series, row.start_us, row.end_us)
    whole, without = build_graph(machine, cut), build_graph(machine, cut, inputs=GraphSample.REQUIRED)
    assert whole.residual_mask.any()
    assert not without.residual_mask.any()
    assert without.residuals.shape == whole.residuals.shape
    for name in set(GraphSample.INPUTS) - {"residuals", "residual_mask"}:
        np.testing.assert_array_equal(getattr(without, name), getattr(whole, name), err_msg=name)


def test_one_graph_joined_is_itself_and_none_is_an_error():
    one = build_graph(MACHINE, window())
    assert join_graphs([one]) is one
    with pytest.raises(ValueError, match="no graphs to join"):
        join_graphs([])


@given(
    size=st.floats(0.01, 100),
    values=st.lists(st.floats(1, 400, width=32), min_size=60, max_size=60).filter(lambda v: np.std(v) > 1e-2),
)
def test_machines_that_differ_in_size_only_look_the_same(size, values):
    scaled = MACHINE.model_copy(
        update={
            "nameplate": Nameplate(pressure_bar=200 * size, flow_l_min=50),
            "components": (
                *MACHINE.components[:2],
                MACHINE.components[2].model_copy(update={"nameplate": Nameplate(pressure_bar=100 * size)}),
            ),
        }
    )
    small = build_graph(MACHINE, window(p=values))
    large = build_graph(scaled, window(p=np.array(values) * size))
    np.testing.assert_allclose(large.sequence, small.sequence, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(large.feature_mask, small.feature_mask)
    peak = CLASSIC.names.index("dominant_frequency")  # equal amplitudes may swap by rounding
    close = np.isclose(large.features, small.features, rtol=1e-3, atol=1e-3).reshape(3, 13, 34)
    assert np.delete(close, peak, axis=2).all()


def test_one_second_means_and_the_100_hz_signal_give_the_same_graph():
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    fast = read_recording(CONFIGS / "recordings" / "zema-full-rate")
    slow = read_recording(CONFIGS / "recordings" / "zema-sample")
    row = next(row for row in fast.labels if row.values["cycle"] == 1791)
    windows = [cut_window(machine, recording.series, row.start_us, row.end_us) for recording in (fast, slow)]
    assert [max(len(channel.values) for channel in one.channels) for one in windows] == [6000, 60]
    fast_graph, slow_graph = (build_graph(machine, one) for one in windows)
    for name in set(GraphSample.INPUTS) - {"residuals", "residual_mask"}:
        np.testing.assert_allclose(getattr(fast_graph, name), getattr(slow_graph, name), atol=2e-4, err_msg=name)
    at_any_rate = slow_graph.residual_mask > 0
    np.testing.assert_allclose(fast_graph.residuals[at_any_rate], slow_graph.residuals[at_any_rate], atol=2e-3)
    only_fast = {PHYSICS.names[place] for place in np.nonzero(fast_graph.residual_mask > slow_graph.residual_mask)[1]}
    assert only_fast == {"valve_rise_time"}


def test_the_rig_is_seen_at_every_component_that_labels_speak_of():
    machine = load_machine(CONFIGS / "machines" / "zema.yaml")
    recording = read_recording(CONFIGS / "recordings" / "zema-sample")
    row = recording.labels[0]
    sample = build_graph(machine, cut_window(machine, recording.series, row.start_us, row.end_us))
    for condition in machine.conditions:
        assert sample.sequence_mask[machine.component_index[condition.component]].any(axis=1).sum() >= 3
    assert sample.machine_feature_mask.all()
    assert np.abs(sample.sequence).max() < 2


def test_signals_of_different_rates_meet_in_one_window():
    times = {1: np.arange(60) * 1_000_000, 100: np.arange(6000) * 10_000}
    series = {
        "p": Series.ordered(times[100].astype(np.int64), np.full(6000, 100.0)),
        "t": Series.ordered(times[1].astype(np.int64), np.full(60, 60.0)),
    }
    fast = MACHINE.model_copy(
        update={"sensors": (MACHINE.sensors[0].model_copy(update={"rate_hz": 100.0}), *MACHINE.sensors[1:])}
    )
    sample = build_graph(fast, cut_window(fast, series, 0, MINUTE))
    assert sample.sequence[1, PRESSURE_OUT] == pytest.approx(0.5)
    assert sample.sequence[1, TEMPERATURE_IN] == pytest.approx(0.5)
