"""The trial of remote settings on the disk: one file, replaced as a whole, so that a power cut leaves before or after.

The documents themselves are in it: there is nothing that could point at half of one.
"""

from pathlib import Path

from pydantic import ValidationError

from agent.remote.trial import TRIAL_SCHEMA, Trial
from edge_runtime.durable import replace_file
from edge_runtime.errors import UpdateError


class TrialFile:
    """Reads and writes the state. The agent alone writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Trial:
        """What stands on the disk; nothing before the first document.

        Raises:
            UpdateError: it is damaged, this user may not read it, or a newer agent wrote it.
        """
        try:
            trial = Trial.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return Trial()
        except OSError as error:
            raise UpdateError(
                f"{self._path}: can't be read: {error.strerror}",
                hint="Run the command as the agent's user, or with sudo.",
            ) from error
        except ValidationError as error:
            raise UpdateError(
                f"{self._path}: the record of remote settings is damaged; an old document can't be told from a new one",
                hint="Remove the file: the box's own settings are in force until the centre publishes again.",
            ) from error
        if trial.schema_version > TRIAL_SCHEMA:
            raise UpdateError(
                f"{self._path}: has schema version {trial.schema_version}, this agent knows up to {TRIAL_SCHEMA}",
                hint="Go back to the newer agent, or remove the file to run on the box's own settings.",
            )
        return trial

    def write(self, trial: Trial) -> None:
        """Replace it; on the disk when this returns.

        Raises:
            UpdateError: the disk refuses.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._path, trial.model_dump_json(indent=2).encode(), mode=0o600)
        except OSError as error:
            raise UpdateError(
                f"{self._path}: can't be written: {error.strerror}", hint="Free some room on the disk."
            ) from error
