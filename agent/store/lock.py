"""One writer: a lock on a file beside the store, freed by the kernel however its holder ends."""

import fcntl
import os
from pathlib import Path

from edge_runtime.errors import StoreError


class WriterLock:
    """Held from construction until `release`.

    Raises:
        StoreError: another process, or this one, holds it already; the message names the process.
    """

    def __init__(self, store: Path) -> None:
        path = store.with_name(store.name + ".lock")
        try:
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise StoreError(
                f"{path}: {error.strerror}", hint="The agent needs to write to this folder: check its owner."
            ) from error
        try:
            fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file.fileno(), 32, 0).decode(errors="replace").strip() or "unknown"
            self._file.close()
            raise StoreError(
                f"{store}: process {holder} writes to it already (lock {path.name})",
                hint="Only one agent may run on a store: stop that process first.",
            ) from error
        try:
            self._file.truncate(0)
            self._file.write(f"{os.getpid()}\n".encode())
        except OSError:  # on a full disk the lock still holds, only without a name
            return

    def release(self) -> None:
        """Let another writer in. The file stays: removing it would let two in at once."""
        self._file.close()
