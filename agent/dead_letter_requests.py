"""What is to become of dead letters: asked for by a command, done by the agent, which alone writes to the store.

A request is an empty file named after what it asks for. One that is done twice does no harm.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from agent.store.store import Store
from edge_runtime.errors import HydrosightError

_NAME = re.compile(r"(retry|drop)-([1-9]\d{0,17})")


class Verb(StrEnum):
    """What can be asked for."""

    RETRY = "retry"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class DeadLetterRequest:
    """Send this dead letter again, or give it up."""

    verb: Verb
    dead_letter: int

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """From the name of its file; None when it isn't one."""
        match = _NAME.fullmatch(name)
        return cls(Verb(match[1]), int(match[2])) if match else None

    def ask(self, folder: Path) -> Path:
        """Leave the request for the agent, which removes the file once it is done.

        Raises:
            HydrosightError: it can't be written.
        """
        file = folder / f"{self.verb}-{self.dead_letter}"
        try:
            folder.mkdir(exist_ok=True)
            file.touch()
        except OSError as error:
            raise HydrosightError(
                f"{file}: can't be written: {error.strerror}", hint="Run the command as the agent's user, or with sudo."
            ) from error
        return file


def take_up(folder: Path, store: Store) -> None:
    """Do what was asked for.

    Raises:
        StoreError: it can't be done now; the requests stay.
    """
    for file, request in _waiting(folder):
        match request.verb:
            case Verb.RETRY:
                store.retry_dead_letter(request.dead_letter)
            case Verb.DROP:
                store.drop_dead_letter(request.dead_letter)
        with suppress(OSError):
            file.unlink()


def _waiting(folder: Path) -> Iterator[tuple[Path, DeadLetterRequest]]:
    with suppress(FileNotFoundError):
        for file in sorted(folder.iterdir()):
            if request := DeadLetterRequest.parse(file.name):
                yield file, request
