"""The file with the box's own identity: written whole and synced, readable by its owner alone."""

import stat
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
    try:
        replace_file(path, msgspec.json.encode(enrolment), mode=0o600)
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
