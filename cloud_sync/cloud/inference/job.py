"""What is asked of a worker: windows as they lie in the database, and the model for them. Everything can be pickled."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime.machine import Machine
from edge_runtime.window import ChannelWindow, Window


@dataclass(frozen=True, slots=True, weakref_slot=True)
class ServingModel:
    """A model that can be opened: `sha256` is its bundle's, by which diagnoses name it.

    A folder that was made for it is there for as long as it is.
    """

    name: str
    version: str
    sha256: str
    folder: Path
    window_s: float


@dataclass(frozen=True, slots=True)
class StoredWindow:
    """One window of the database.

    Attributes:
        channels: by sensor, the step in microseconds and the samples, NaN where a gap is.
    """

    machine: str
    start_us: int
    end_us: int
    channels: Mapping[str, tuple[int, npt.NDArray[np.float32]]]

    def of(self, machine: Machine) -> Window:
        """The window as the box cut it; a sensor of the machine file without a row was silent."""
        return Window(
            self.machine,
            self.start_us,
            self.end_us,
            tuple(
                ChannelWindow(sensor.name, *self.channels.get(sensor.name, (sensor.step_us, np.empty(0, np.float32))))
                for sensor in machine.sensors
            ),
        )


@dataclass(frozen=True, slots=True)
class Job:
    """One window to diagnose.

    Attributes:
        machine_file: of its machine, as its box brought it.
        box_baseline: version of the machine's own baseline that the box compared it with; 0 for none, None when the
            box's diagnosis of the window isn't here.
    """

    model: ServingModel
    machine_file: str
    window: StoredWindow
    box_baseline: int | None
