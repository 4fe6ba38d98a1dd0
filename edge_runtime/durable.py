"""Files that are whole or not there at all, whatever the power does.

A file is written beside its final name, synced to the disk and renamed over it; then the folder is synced, because the
rename itself is only in memory until then (T. S. Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014).
"""

import os
import shutil
from pathlib import Path

_SUFFIX = ".partial"


def replace_file(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Give `path` new content in one step: a reader, or a restart, finds the old content or the new.

    `mode` is the new file's permissions before the umask; 0o600 for a secret.

    Raises:
        OSError: it can't be written; the old content stands.
    """
    partial = path.with_name(path.name + _SUFFIX)
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def replace_folder(path: Path, source: Path, names: list[str]) -> None:
    """Make folder `path` hold copies of the plain files `names` of `source`, and nothing else.

    While the old folder is taken away and the new one renamed into place, `path` is missing for a moment: nobody may be
    pointed at it meanwhile. A run that was cut off leaves a `.partial` folder, which the next run clears.

    Raises:
        OSError: a file can't be read or written.
    """
    partial = path.with_name(path.name + _SUFFIX)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in names:
        copy = partial / name
        shutil.copyfile(source / name, copy, follow_symlinks=False)
        with copy.open("rb") as file:
            os.fsync(file.fileno())
    sync_folder(partial)
    shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Sync the entries of a folder to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
