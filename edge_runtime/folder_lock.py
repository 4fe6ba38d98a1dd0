"""One at a time in a folder, be it the agent or a command beside it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path, *, mode: int = 0o777) -> Iterator[None]:
    """Make the folder, wait until nobody else holds it, and hold it for the `with` block.

    `mode` is that of a new folder before the umask. The kernel lets go of the lock of a process that dies.

    Raises:
        OSError: the folder can't be made or written to.
    """
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
