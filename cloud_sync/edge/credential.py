"""The file with the box's own identity: written whole and synced, readable by its owner alone."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from cloud_sync.wire import Enrolment, decode_json
from edge_runtime.durable import replace_file
from edge_runtime.errors import ConfigurationError, CredentialError, WireError


def write_credential(path: Path, enrolment: Enrolment) -> None:
    """Store what enrolment gave, in place of an earlier one.

    Raises:
        ConfigurationError: the file can't be written.
    """
    with _writing(path):
        replace_file(path, msgspec.json.encode(enrolment), mode=0o600)


def succeed_credential(path: Path, former: Enrolment, successor: Enrolment) -> bool:
    """Store the successor of a credential, unless another has taken its place meanwhile, as by a new enrolment.

    Raises:
        ConfigurationError: the file can't be written.
        CredentialError: it can't be read any more.
    """
    with _writing(path):
        if read_credential(path) != former:
            return False
        replace_file(path, msgspec.json.encode(successor), mode=0o600)
    return True


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """One writer at a time, be it the agent or a command beside it."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigurationError(
            f"credential file {path}: can't be written: {error.strerror}",
            hint="Check that the folder is there and that this user may write to it.",
        ) from error


def read_credential(path: Path) -> Enrolment:
    """The box's identity.

    Raises:
        CredentialError: there is none, it is damaged, or others could read it.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            content = file.read()
    except FileNotFoundError as error:
        raise CredentialError(
            f"this box isn't enrolled: there is no {path}",
            hint="Get a token at the centre (hydrosight-cloud enroll MACHINE): hydrosight enrol --token-file FILE",
        ) from error
    except OSError as error:
        raise CredentialError(
            f"credential file {path}: can't be read: {error.strerror}",
            hint="It must belong to the user that the agent runs as.",
        ) from error
    if mode & 0o077:
        raise CredentialError(
            f"credential file {path} has mode {mode:04o}: others can read it, or change it",
            hint=f"chmod 600 {path}; if somebody may have read it, enrol again.",
        )
    try:
        return decode_json(content, Enrolment)
    except WireError as error:
        raise CredentialError(f"credential file {path} is damaged: {error}", hint="Enrol this box again.") from error
