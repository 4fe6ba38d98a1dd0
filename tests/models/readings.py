"""Windows as the readings that they are cut from."""

from edge_runtime.quality import Quality
from edge_runtime.reading import Reading
from edge_runtime.window import Window


def readings_of(window: Window) -> list[Reading]:
    """Every sample of every channel, each received a millisecond after it was taken."""
    readings = []
    for channel in window.channels:
        for number, value in enumerate(channel.values.tolist()):
            time_us = window.start_us + number * channel.step_us
            readings.append(Reading(channel.sensor, value, Quality.GOOD, time_us, time_us + 1000))
    return readings
