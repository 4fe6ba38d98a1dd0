"""`novelty.npz` of a bundle: the trained region of each condition, as plain arrays."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edge_runtime.errors import BundleError
from edge_runtime.novelty import ENTRIES, TrainedRegion

MAX_UNPACKED_BYTES = 256 * 2**20

_GET_AGAIN = "Get the bundle again, or build it again with: hydrosight-train fit."
_ARRAYS = ("low", "high", "centre", "scale", "precision")
_REST = ("sensors", "limits")
_UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, zlib.error, ValueError, KeyError, TypeError)


def write_regions(regions: Mapping[str, TrainedRegion], path: Path) -> None:
    """Write them; the same regions give the same bytes.

    Args:
        regions: by condition.
        path: of the file, which ends in `.npz`.
    """
    content = {f"{name}/{field}": getattr(region, field) for name, region in regions.items() for field in _ARRAYS}
    content |= {f"{name}/sensors": np.array(region.sensors) for name, region in regions.items()}
    content |= {f"{name}/limits": np.array([region.margin, region.limit]) for name, region in regions.items()}
    np.savez_compressed(path, **content)


def read_regions(path: Path) -> dict[str, TrainedRegion]:
    """Read them, by condition.

    Raises:
        BundleError: it isn't such a file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(item.file_size for item in archive.infolist())
        if size > MAX_UNPACKED_BYTES:
            raise BundleError(f"{path}: unpacks to {size} bytes, over {MAX_UNPACKED_BYTES}", hint=_GET_AGAIN)
        with np.load(path, allow_pickle=False) as arrays:
            names = dict.fromkeys(key.rsplit("/", 1)[0] for key in arrays)
            return {name: _region({key: arrays[f"{name}/{key}"] for key in (*_ARRAYS, *_REST)}) for name in names}
    except _UNREADABLE as error:
        raise BundleError(
            f"{path}: isn't a file of trained regions: {error}",
            hint=_GET_AGAIN,
        ) from error


def _region(arrays: dict[str, np.ndarray]) -> TrainedRegion:
    sensors = tuple(str(name) for name in arrays["sensors"])
    entries = len(sensors) * ENTRIES
    shapes = {
        "low": (len(sensors), 2),
        "high": (len(sensors), 2),
        "centre": (entries,),
        "scale": (entries,),
        "precision": (entries, entries),
        "limits": (2,),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape or not np.isfinite(arrays[name]).all():
            msg = f"{name} has shape {arrays[name].shape} or holds numbers that are not finite, {shape} is needed"
            raise ValueError(msg)
    margin, limit = (float(value) for value in arrays["limits"])
    low, high, centre, scale, precision = (arrays[name] for name in _ARRAYS)
    return TrainedRegion(sensors, low, high, centre, scale, precision, margin, limit)
