"""A pump and a valve with three sensors, recorded in blocks that each leave a mark of their own on the signals."""

from pathlib import Path

import numpy as np

from edge_runtime.machine import Machine
from edge_runtime.reading import Series
from edge_runtime.recording import LabelRow, Recording

MINUTE_US = 60_000_000
WINDOWS_A_BLOCK = 8


def _sensor(name: str, quantity: str, unit: str, component: str) -> dict[str, object]:
    place = {"component": component, "port": f"{quantity}_out"}
    return {"name": name, "quantity": quantity, "unit": unit, "rate_hz": 1, "valid_min": 0, "valid_max": 400, **place}


MACHINE = Machine.model_validate(
    {
        "name": "small-rig",
        "description": "pump and valve",
        "nameplate": {"pressure_bar": 100, "flow_l_min": 10},
        "components": [{"name": "pump", "type": "piston_pump"}, {"name": "valve", "type": "directional_valve"}],
        "connections": [
            {
                "source": "pump",
                "target": "valve",
                "type": "hydraulic_line",
                "diameter_mm": 12,
                "length_m": 1.0,
                "pressure_rating_bar": 250,
                "loss_coefficient": 0.5,
            }
        ],
        "sensors": [
            _sensor("P1", "pressure", "bar", "pump"),
            _sensor("Q1", "flow", "l/min", "pump"),
            _sensor("P2", "pressure", "bar", "valve"),
        ],
        "conditions": [
            {
                "name": "pump",
                "component": "pump",
                "fault": "leakage",
                "levels": [
                    {"label": 0, "health": 1.0, "state": "normal"},
                    {"label": 1, "health": 0.3, "state": "failure"},
                ],
            },
            {
                "name": "valve",
                "component": "valve",
                "fault": "valve_stiction",
                "levels": [
                    {"label": 0, "health": 1.0, "state": "normal"},
                    {"label": 1, "health": 0.3, "state": "failure"},
                ],
            },
        ],
    }
)


def small_recording(blocks: int = 12, *, fault: float = 1.0, seed: int = 0) -> Recording:
    """A recording of blocks of minutes; the last minute of each is not stable.

    Args:
        blocks: how many. The pump's level is one in each block, drawn so that half of them have either; the valve's
            changes within.
        fault: how far the pump's level moves its flow; 0 leaves nothing of it in the signals.
        seed: of noise and order.
    """
    random = np.random.default_rng(seed)
    pump = random.permutation(np.arange(blocks) % 2)
    time = np.arange(60)
    labels, values = [], {name: [] for name in ("P1", "Q1", "P2")}
    for window in range(blocks * WINDOWS_A_BLOCK):
        block = window // WINDOWS_A_BLOCK
        mark = np.random.default_rng((seed, block)).normal(size=(3, 60))
        valve = window % 2
        beat = np.sin(2 * np.pi * time / 20 - valve)
        values["P1"].append(80 + mark[0] + 5 * beat + random.normal(scale=0.1, size=60))
        values["Q1"].append(8 + 0.2 * mark[1] - fault * pump[block] + random.normal(scale=0.05, size=60))
        values["P2"].append(40 + mark[2] + 5 * beat + random.normal(scale=0.1, size=60))
        labels.append(
            LabelRow(
                window * MINUTE_US,
                (window + 1) * MINUTE_US,
                {"pump": int(pump[block]), "valve": valve, "block": block, "campaign": block % 3, "cycle": window + 1},
                stable=(window + 1) % WINDOWS_A_BLOCK > 0,
            )
        )
    times = np.arange(len(labels) * 60, dtype=np.int64) * 1_000_000
    series = {name: Series.ordered(times, np.concatenate(rows)) for name, rows in values.items()}
    return Recording(Path("small-rig"), series, tuple(labels))
