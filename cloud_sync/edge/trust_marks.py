"""The highest metadata versions this box has ever trusted, in a file of their own.

TUF refuses an older repository by comparing with its own cached metadata. A box that lost the cache would take a
replayed old repository for the present one; these marks survive that.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from cloud_sync.edge.tuf_client import TrustedUpdater
from edge_runtime.durable import replace_file
from edge_runtime.errors import UpdateError


class RoleMark(BaseModel):
    """The highest version of one role's metadata, signed by these keys.

    New keys begin a new count: rotating a stolen key at the centre must free boxes to which the thief has shown a
    version number out of all reach (TUF specification, 5.3.11).
    """

    model_config = ConfigDict(frozen=True)

    keys: frozenset[str]
    version: int


class TrustMarks(BaseModel):
    """By role, what has been trusted. `root` counts without regard to keys: its chain passes through every version."""

    model_config = ConfigDict(frozen=True)

    root: int = 0
    roles: dict[str, RoleMark] = {}

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
        roles = {}
        for signed in (updater.timestamp, updater.snapshot, updater.targets):
            role, keys = signed.type, frozenset(root.roles[signed.type].keyids)
            mark = self.roles.get(role)
            if mark is not None and mark.keys == keys:
                _refuse_older(role, signed.version, mark.version)
            roles[role] = RoleMark(keys=keys, version=signed.version)
        return TrustMarks(root=root.version, roles=roles)


def _refuse_older(role: str, version: int, seen: int) -> None:
    if version < seen:
        raise UpdateError(
            f"the centre offers {role} metadata of version {version}, this box has seen {seen}: "
            "an old repository is replayed",
            hint="Check who answers at the centre's address. If the centre was restored from a backup, its keys "
            "must be rotated: docs/model-updates.md, 'The repository was restored from a backup'.",
        )
