"""A file that only takes up room: given up when the disk is full, so that there is room to delete in.

Deleting needs disk too: SQLite writes the changed pages to its log before it can free any.
"""

import os
from pathlib import Path

RESERVE_BYTES = 4 * 2**20


class Reserve:
    """The file `<store>.reserve`."""

    def __init__(self, store: Path) -> None:
        self._path = store.with_name(store.name + ".reserve")

    def hold(self) -> bool:
        """Take the room. False when there isn't enough on the disk."""
        try:
            with self._path.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Give the room up."""
        self._path.unlink(missing_ok=True)
