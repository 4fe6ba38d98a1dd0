"""Where a box keeps the baselines that it has learned: the latest few, and which of them is in use.

    DIRECTORY/0007.json     version 7, a `MachineBaseline`; never changed once it is written
    DIRECTORY/state.json    `ShelfState`: which version is in use
    DIRECTORY/lock          one process changes the shelf at a time

A new version is written whole before the state points at it, so whenever the power goes the state is the one before or
the one after, and what it points at is whole. Any process may read; the agent sees by `mark` that something changed.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_runtime.baseline.document import MachineBaseline
from edge_runtime.durable import replace_file
from edge_runtime.errors import BaselineError
from edge_runtime.folder_lock import locked

KEPT = 5
STATE_FILE = "state.json"

_DOCUMENT = re.compile(r"(\d{4,9})\.json")

Mark = tuple[int, int, int]


class ShelfState(BaseModel):
    """The whole of `state.json`.

    Attributes:
        active: the version in use; None after `forget`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = 1
    active: int | None = Field(None, ge=1)


class BaselineShelf:
    """The baselines of one box, on disk."""

    def __init__(self, directory: Path) -> None:
        """Name the directory; the first change creates it."""
        self._directory = directory

    @property
    def state(self) -> ShelfState:
        """What stands on disk.

        Raises:
            BaselineError: it can't be read, or is damaged; `restore` of a version and `add` mend it.
        """
        file = self._directory / STATE_FILE
        try:
            return ShelfState.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return ShelfState()
        except OSError as error:
            raise BaselineError(
                f"{file}: can't be read: {error.strerror}", hint="Run the command as the agent's user, or with sudo."
            ) from error
        except ValidationError as error:
            raise BaselineError(
                f"{file}: is damaged: {error.errors()[0]['msg']}",
                hint=f"Say which version is to be used ({self._kept_words()}): hydrosight baseline restore VERSION.",
            ) from error

    @property
    def mark(self) -> Mark | None:
        """Changes whenever the state does; None before the first change. Costs a look at the file's entry."""
        try:
            found = (self._directory / STATE_FILE).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    @property
    def versions(self) -> tuple[int, ...]:
        """Those that are kept, the oldest first."""
        if not self._directory.is_dir():
            return ()
        names = (_DOCUMENT.fullmatch(file.name) for file in self._directory.iterdir())
        return tuple(sorted(int(name[1]) for name in names if name))

    def active(self) -> MachineBaseline | None:
        """The baseline in use; None without one.

        Raises:
            BaselineError: it or the state is damaged.
        """
        version = self.state.active
        return None if version is None else self.read(version)

    def read(self, version: int) -> MachineBaseline:
        """One that is kept.

        Raises:
            BaselineError: it isn't there, or is damaged.
        """
        file = self._file(version)
        try:
            raw = file.read_bytes()
        except OSError as error:
            raise BaselineError(
                f"{file}: can't be read: {error.strerror}", hint=f"There are: {self._kept_words()}."
            ) from error
        return MachineBaseline.read(raw, str(file))

    def add(self, baseline: MachineBaseline) -> MachineBaseline:
        """Put a new version on the shelf and into use; the oldest beyond KEPT goes. Gives it with its version.

        Raises:
            BaselineError: it can't be written; what was in use stays in use.
        """
        with self._change():
            version = max(self.versions, default=0) + 1
            numbered = baseline.model_copy(update={"version": version})
            replace_file(self._file(version), numbered.model_dump_json().encode())
            self._write(ShelfState(active=version))
            for old in self.versions[:-KEPT]:
                self._file(old).unlink(missing_ok=True)
        return numbered

    def forget(self) -> int | None:
        """Use none from now on; all are kept. Gives the version that was in use.

        Raises:
            BaselineError: it can't be written.
        """
        with self._change():
            active = self.state.active
            if active is not None:
                self._write(ShelfState())
        return active

    def restore(self, version: int | None = None) -> MachineBaseline:
        """Use one that is kept again.

        Args:
            version: which; `former` by default.

        Raises:
            BaselineError: there is no such version, it is damaged, or it can't be written.
        """
        with self._change():
            chosen = self.former() if version is None else version
            found = self.read(chosen)
            self._write(ShelfState(active=chosen))
        return found

    def former(self) -> int:
        """The version before that in use, or the latest after `forget`.

        Raises:
            BaselineError: there is none.
        """
        active = self.state.active
        earlier = [version for version in self.versions if active is None or version < active]
        if not earlier:
            raise BaselineError(
                "there is no earlier baseline to go back to", hint="See `hydrosight baseline show`, or learn one."
            )
        return earlier[-1]

    def _file(self, version: int) -> Path:
        return self._directory / f"{version:04d}.json"

    def _kept_words(self) -> str:
        return ", ".join(map(str, self.versions)) or "none"

    def _write(self, state: ShelfState) -> None:
        replace_file(self._directory / STATE_FILE, state.model_dump_json(indent=2).encode())

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Hold the lock; what the disk refuses becomes a BaselineError."""
        try:
            with locked(self._directory):
                yield
        except OSError as error:
            raise BaselineError(
                f"{self._directory}: can't be changed: {error}",
                hint="Free some room on the disk, or run the command as the agent's user.",
            ) from error
