"""A file that has its name once it is whole, and not before: a reader never meets half of it.

It isn't synced to the disk: what is written like this can be written again. What can't be: durable.py.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_runtime.errors import RecordingError


class UnfinishedFile:
    """A context manager: what was written to `partial` becomes `file` when the block is left without an error.

    Otherwise it is taken away, and what had the name before stays.

    Attributes:
        file: its final name; the folder is made.
        partial: where to write it.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.partial = file.with_name(file.name + ".partial")
        self._wanted = True

    def __enter__(self) -> Self:
        """Make the folder.

        Raises:
            RecordingError: it can't be made.
        """
        with self.errors_named():
            self.file.parent.mkdir(parents=True, exist_ok=True)
        return self

    def discard(self) -> None:
        """Take it away at the end though nothing went wrong."""
        self._wanted = False

    @contextmanager
    def errors_named(self) -> Iterator[None]:
        """What writes to it goes in here, so that an error says what can't be written.

        Raises:
            RecordingError: for an OSError.
        """
        try:
            yield
        except OSError as error:
            raise RecordingError(
                f"{self.file.parent}: can't be written: {error.strerror or error}",
                hint="Name a folder that you may write to, on a disk with room.",
            ) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it its name, or take it away."""
        with self.errors_named():
            try:
                if kind is None and self._wanted:
                    self.partial.replace(self.file)
            finally:
                self.partial.unlink(missing_ok=True)
