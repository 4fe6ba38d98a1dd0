"""The record of the highest versions trusted: what it refuses, what resets it, how it is kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from tuf.api.metadata import MetaFile, Root, Snapshot, Targets, Timestamp

from cloud_sync.edge.trust_marks import TrustMarks
from cloud_sync.edge.tuf_client import TrustedUpdater
from edge_runtime.errors import UpdateError


@dataclass
class Trusted:
    """What a refreshed updater trusts."""

    root: Root
    timestamp: Timestamp
    snapshot: Snapshot
    targets: Targets


def trusted(*, root: int = 1, key: str = "key", **versions: int) -> TrustedUpdater:
    trusted_root = Root(version=root)
    for role in trusted_root.roles.values():
        role.keyids = [key]
    return cast(
        "TrustedUpdater",
        Trusted(
            trusted_root,
            Timestamp(versions.get("timestamp", 5), snapshot_meta=MetaFile(1)),
            Snapshot(versions.get("snapshot", 5)),
            Targets(versions.get("targets", 5)),
        ),
    )


def test_marks_rise_with_what_is_trusted() -> None:
    marks = TrustMarks().raised_to(trusted()).raised_to(trusted(root=2, timestamp=6))
    assert marks.root == 2
    assert marks.versions == {"timestamp": 6, "snapshot": 5, "targets": 5}


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_an_older_version_of_any_role_is_refused(role: str) -> None:
    marks = TrustMarks().raised_to(trusted())
    with pytest.raises(UpdateError, match=f"{role} metadata of version 4, this box has seen 5"):
        marks.raised_to(trusted(**{role: 4}))


def test_new_keys_begin_a_new_count() -> None:
    marks = TrustMarks().raised_to(trusted(timestamp=2**31, targets=2**31))
    marks = marks.raised_to(trusted(root=2, key="new", timestamp=6))
    assert marks.keys == {"new"}
    assert marks.versions == {"timestamp": 6, "snapshot": 5, "targets": 5}


def test_new_keys_do_not_excuse_an_older_root() -> None:
    marks = TrustMarks().raised_to(trusted(root=2, key="new"))
    with pytest.raises(UpdateError, match="root metadata of version 1, this box has seen 2"):
        marks.raised_to(trusted(root=1, key="stolen"))


def test_marks_survive_a_restart(tmp_path: Path) -> None:
    marks = TrustMarks().raised_to(trusted())
    marks.write(tmp_path / "marks.json")
    assert TrustMarks.read(tmp_path / "marks.json") == marks


def test_a_new_box_has_none(tmp_path: Path) -> None:
    assert TrustMarks.read(tmp_path / "marks.json") == TrustMarks()


@pytest.mark.parametrize("content", [b"", b"{", b'{"root": "many"}'])
def test_damaged_marks_stop_updates_instead_of_forgetting(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "marks.json").write_bytes(content)
    with pytest.raises(UpdateError, match="is damaged") as refusal:
        TrustMarks.read(tmp_path / "marks.json")
    assert "remove the file" in refusal.value.hint
