"""Golden windows: raw windows in the bundle, with the outputs that the model gave for them when it was built.

They prove the whole way from signal to logits on this very box: windowing, features, graph, engine and device.
"""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.backends.base import Backend, ModelOutput
from edge_runtime.bundle import Bundle
from edge_runtime.errors import BundleError, GoldenMismatchError
from edge_runtime.graph_builder import build_graph
from edge_runtime.machine import Machine
from edge_runtime.window import ChannelWindow, Window

MAX_UNPACKED_BYTES = 256 * 2**20

_UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, ValueError, KeyError, IndexError, TypeError)


@dataclass(frozen=True, slots=True)
class GoldenWindows:
    """Windows of one machine and what the model gives for each of them.

    In the file, `values/K/SENSOR` are the samples of window K; `steps` int64 [windows, sensors] their grid;
    `bounds` int64 [windows, 2] start and end; `level_logits` and `fault_logits` are stacked by window.
    """

    windows: tuple[Window, ...]
    outputs: tuple[ModelOutput, ...]

    def write(self, path: Path) -> None:
        """Write `golden.npz`; the same windows give the same bytes."""
        arrays: dict[str, Any] = {
            "bounds": np.array([(window.start_us, window.end_us) for window in self.windows], np.int64),
            "steps": np.array([[c.step_us for c in window.channels] for window in self.windows], np.int64),
            "level_logits": np.stack([output.level_logits for output in self.outputs]),
            "fault_logits": np.stack([output.fault_logits for output in self.outputs]),
        }
        for number, window in enumerate(self.windows):
            for channel in window.channels:
                arrays[f"values/{number}/{channel.sensor}"] = channel.values
        np.savez_compressed(path, **arrays)

    @classmethod
    def read(cls, path: Path, machine: Machine) -> "GoldenWindows":
        """Read `golden.npz`, whose sensors are those of `machine`.

        Raises:
            BundleError: it isn't such a file, is too large, or lacks a sensor of the machine.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                size = sum(item.file_size for item in archive.infolist())
            if size > MAX_UNPACKED_BYTES:
                raise BundleError(
                    f"{path}: unpacks to {size} bytes, over {MAX_UNPACKED_BYTES}",
                    hint="Build the bundle with fewer golden windows.",
                )
            with np.load(path, allow_pickle=False) as arrays:
                bounds, steps = arrays["bounds"], arrays["steps"]
                outputs = map(ModelOutput, arrays["level_logits"], arrays["fault_logits"])
                windows = tuple(
                    Window(
                        machine=machine.name,
                        start_us=int(start),
                        end_us=int(end),
                        channels=tuple(
                            ChannelWindow(sensor.name, int(step), arrays[f"values/{number}/{sensor.name}"])
                            for sensor, step in zip(machine.sensors, steps[number], strict=True)
                        ),
                    )
                    for number, (start, end) in enumerate(bounds)
                )
                return cls(windows, tuple(outputs))
        except _UNREADABLE as error:
            raise BundleError(
                f"{path}: isn't a file of golden windows of machine {machine.name!r}: {error}",
                hint="Get the bundle again, or build it again with: hydrosight-train fit.",
            ) from error


def run_windows(machine: Machine, windows: Sequence[Window], backend: Backend) -> tuple[ModelOutput, ...]:
    """What the model gives for each window, one inference a window, the way from raw signals."""
    return tuple(backend.run(build_graph(machine, window, inputs=backend.inputs)) for window in windows)


def check_golden(bundle: Bundle, backend: Backend) -> float:
    """Run the bundle's golden windows on this box.

    Returns:
        The largest absolute difference of any logit from what the bundle expects.

    Raises:
        GoldenMismatchError: it is above the manifest's tolerance.
        BundleError: the bundle has no usable golden windows.
        BackendError: the engine failed.
    """
    golden = GoldenWindows.read(bundle.golden_path, bundle.machine)
    if not golden.windows:
        raise BundleError(
            f"{bundle.golden_path}: holds no window, at least one is needed",
            hint="Build the bundle again with: hydrosight-train fit.",
        )
    found = run_windows(bundle.machine, golden.windows, backend)
    pairs = [
        pair
        for expected, output in zip(golden.outputs, found, strict=True)
        for pair in (
            (expected.level_logits, output.level_logits),
            (expected.fault_logits, output.fault_logits),
        )
    ]
    for expected, output in pairs:
        if expected.shape != output.shape:
            raise BundleError(
                f"{bundle.golden_path}: expects outputs of shape {expected.shape}, the model gives {output.shape}",
                hint="The bundle's machine.yaml, model and golden windows don't belong together: get the bundle again.",
            )
    difference = float(np.max([np.abs(output - expected).max() for expected, output in pairs]))
    if not difference <= bundle.manifest.golden_tolerance:  # NaN is a mismatch too
        raise GoldenMismatchError(
            f"{bundle.path}: on {backend.name} the golden windows differ by {difference:.3g} from what model "
            f"{bundle.manifest.name} {bundle.manifest.version} gave when it was built; "
            f"{bundle.manifest.golden_tolerance:.3g} is allowed",
            hint="The bundle is damaged or this box computes differently: keep the former model and report this.",
        )
    return difference
