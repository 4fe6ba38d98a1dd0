"""Windows to be sent again: asked for by a command, done by the running agent, which alone writes to the store."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from agent.store.store import Store
from edge_runtime.durable import replace_file
from edge_runtime.errors import HydrosightError

Span = tuple[int, int]
"""Start and end of a window, microseconds since the epoch."""


def ask_to_resend(file: Path, windows: Sequence[Span]) -> None:
    """Leave a request beside the store, in place of one that was not taken up yet.

    Raises:
        HydrosightError: it can't be written.
    """
    try:
        replace_file(file, msgspec.json.encode(windows))
    except OSError as error:
        raise HydrosightError(
            f"{file}: can't be written: {error.strerror}", hint="Run the command as the agent's user, or with sudo."
        ) from error


def take_up(file: Path, store: Store) -> int:
    """Queue what was asked for; how many records that is, 0 without a request. A file that isn't one is removed.

    Raises:
        StoreError: it can't be queued now; the request stays.
    """
    try:
        windows = msgspec.json.decode(file.read_bytes(), type=list[Span])
    except FileNotFoundError:
        return 0
    except (OSError, msgspec.DecodeError):
        windows = []
    queued = store.send_again(windows)
    with suppress(OSError):
        file.unlink()
    return queued
