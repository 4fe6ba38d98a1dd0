"""Readings of the tiny machine, and the agent's pipeline over them."""

from agent.alerts import AlertTracker
from agent.pipeline import Pipeline
from agent.settings import AlertSettings
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import open_bundle
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading
from tests.models.tiny_bundle import WINDOW_US, tiny_machine

MACHINE = tiny_machine()
SECOND_US = 1_000_000
LATENESS_US = 2 * SECOND_US


def readings(start_us, end_us, *, without=()):
    """A reading of every sensor a second, from start to end; the value tells the time."""
    return [
        Reading(
            sensor.name,
            sensor.valid_min + (sensor.valid_max - sensor.valid_min) * (0.3 + 0.004 * (time_us // SECOND_US % 100)),
            Quality.GOOD,
            time_us,
            time_us,
        )
        for time_us in range(start_us, end_us, SECOND_US)
        for sensor in MACHINE.sensors
        if sensor.name not in without
    ]


def minutes(first, last, **options):
    """Readings of whole minutes, and as many seconds more as make the last one due."""
    return readings(first * WINDOW_US, last * WINDOW_US + LATENESS_US + SECOND_US, **options)


def load_diagnoser(path):
    bundle = open_bundle(path)
    return Diagnoser(MACHINE, bundle, OnnxBackend(bundle.model_path))


def make_pipeline(store, diagnoser, **settings):
    tracker = AlertTracker(MACHINE, AlertSettings(**settings))
    return Pipeline(MACHINE, store, diagnoser, tracker, LATENESS_US)
