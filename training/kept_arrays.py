"""Named arrays in a file that is whole or not there at all; plain data, never a pickle."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.durable import replace_file

Arrays = Mapping[str, npt.NDArray[Any]]


def keep_arrays(arrays: Arrays, path: Path) -> None:
    """Write an .npz; its folder is made if it isn't there."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]  # numpy's stub takes them for its options
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, content.getvalue())


def read_kept_arrays(path: Path) -> Arrays | None:
    """What `keep_arrays` wrote; None where there is no such file or it can't be read, so that it is made again."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
