"""The highest metadata versions this box has ever trusted, in a file of their own.

TUF refuses an older repository by comparing with its own cached metadata. A box that lost the cache would take a
replayed old repository for the present one; these marks survive that.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from cloud_sync.edge.tuf_client import TrustedUpdater
from edge_runtime.durable import replace_file
from edge_runtime.errors import UpdateError


class TrustMarks(BaseModel):
    """What has been trusted.

    New timestamp or snapshot keys begin a new count: rotating a stolen key at the centre must free the boxes to which
    the thief has shown version numbers out of all reach (TUF specification, 5.3.11). No older state can slip through:
    the new keys haven't signed any.

    Attributes:
        root: version of the root. It counts whatever the keys, as the chain of roots passes through every version.
        keys: ids of the timestamp and snapshot keys that the other versions were seen under.
        versions: of timestamp, snapshot and targets.
    """

    model_config = ConfigDict(frozen=True)

    root: int = 0
    keys: frozenset[str] = frozenset()
    versions: dict[str, int] = {}

    @classmethod
    def read(cls, path: Path) -> "TrustMarks":
        """The marks stored in `path`; none if there is no such file.

        Raises:
            UpdateError: the file is damaged.
            OSError: it can't be read.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except ValidationError as error:
            raise UpdateError(
                f"{path}: the record of trusted versions is damaged; an old repository can't be told from a new one",
                hint="If you are sure of the connection to the centre, remove the file; the next check writes it anew.",
            ) from error

    def write(self, path: Path) -> None:
        """Store the marks; they are on the disk when this returns."""
        replace_file(path, self.model_dump_json().encode())

    def raised_to(self, updater: TrustedUpdater) -> "TrustMarks":
        """The marks of what the refreshed `updater` trusts.

        Raises:
            UpdateError: something in it is older than what these marks have seen.
        """
        root = updater.root
        _refuse_older("root", root.version, self.root)
        keys = frozenset(root.roles["timestamp"].keyids + root.roles["snapshot"].keyids)
        versions = {signed.type: signed.version for signed in (updater.timestamp, updater.snapshot, updater.targets)}
        if keys == self.keys:
            for role, version in versions.items():
                _refuse_older(role, version, self.versions.get(role, 0))
        return TrustMarks(root=root.version, keys=keys, versions=versions)


def _refuse_older(role: str, version: int, seen: int) -> None:
    if version < seen:
        raise UpdateError(
            f"the centre offers {role} metadata of version {version}, this box has seen {seen}: "
            "an old repository is replayed",
            hint="Check who answers at the centre's address. If the centre was restored from a backup, its keys "
            "must be rotated: docs/model-updates.md, 'The repository was restored from a backup'.",
        )
