"""What somebody with the network, a mirror or a stolen key can try on a box, each against a real HTTP server."""

import json
import shutil
from pathlib import Path

import httpx
import pytest
from tuf.api.metadata import Metadata, MetaFile, Timestamp

from cloud_sync.cloud.registry.keys import Keys, create_keys
from cloud_sync.edge.ota import ModelUpdates
from edge_runtime.errors import CentreUnreachableError, UpdateError
from tests.model_centre import Centre
from tests.servers.file_server import FileServer


@pytest.fixture
def box(centre: Centre, client: httpx.Client) -> ModelUpdates:
    return centre.box(client)


def target_url(server: FileServer) -> str:
    file = next(server.folder.glob("targets/models/rig/*.tar"))
    return "/" + str(file.relative_to(server.folder))


def test_rollback_to_an_older_timestamp_is_refused(centre: Centre, box: ModelUpdates, server: FileServer) -> None:
    centre.publish(1)
    old = (centre.repository / "metadata/timestamp.json").read_bytes()
    centre.publish(2)
    assert box.check("rig", 0).release == 2

    server.false_replies["/metadata/timestamp.json"] = old

    with pytest.raises(UpdateError, match="an old or mixed state"):
        box.check("rig", 0)


def test_freeze_at_an_expired_timestamp_is_refused(centre: Centre, box: ModelUpdates) -> None:
    centre.publish(1)
    centre.pass_time(days=8)

    with pytest.raises(UpdateError, match="expired") as refusal:
        box.check("rig", 0)
    assert "timedatectl" in refusal.value.hint

    centre.registry.refresh(centre.keys, now=centre.now)
    assert box.check("rig", 0).release == 1


def test_swapped_target_is_refused_and_does_not_poison_the_next_attempt(
    centre: Centre, box: ModelUpdates, server: FileServer
) -> None:
    centre.publish(1)
    candidate = box.check("rig", 0)
    server.false_replies[target_url(server)] = b"\0" * candidate.size_bytes

    with pytest.raises(UpdateError, match="not what was signed"):
        box.download(candidate)

    server.false_replies.clear()
    assert (box.download(candidate) / "model.onnx").read_bytes() == b"weights 1"


def test_longer_target_is_refused(centre: Centre, box: ModelUpdates, server: FileServer) -> None:
    centre.publish(1)
    candidate = box.check("rig", 0)
    path = target_url(server)
    server.false_replies[path] = (centre.repository / path[1:]).read_bytes() + b"more"

    with pytest.raises(UpdateError, match="longer than"):
        box.download(candidate)


def test_truncated_target_is_refused(centre: Centre, box: ModelUpdates, server: FileServer) -> None:
    centre.publish(1)
    candidate = box.check("rig", 0)
    path = target_url(server)
    server.false_replies[path] = (centre.repository / path[1:]).read_bytes()[:-512]

    with pytest.raises(UpdateError, match="not what was signed"):
        box.download(candidate)


def test_endless_metadata_is_cut_off(centre: Centre, box: ModelUpdates, server: FileServer) -> None:
    server.false_replies["/metadata/timestamp.json"] = b" " * 1_000_000

    with pytest.raises(UpdateError, match="longer than"):
        box.check("rig", 0)


def test_mix_and_match_of_an_old_snapshot_under_a_new_number_is_refused(
    centre: Centre, box: ModelUpdates, server: FileServer
) -> None:
    centre.publish(1)
    old = (centre.repository / "metadata/2.snapshot.json").read_bytes()
    centre.publish(2)
    server.false_replies["/metadata/3.snapshot.json"] = old

    with pytest.raises(UpdateError, match="an old or mixed state"):
        box.check("rig", 0)


def test_mix_and_match_of_old_targets_under_a_new_number_is_refused(
    centre: Centre, box: ModelUpdates, server: FileServer
) -> None:
    centre.publish(1)
    old = (centre.repository / "metadata/2.targets.json").read_bytes()
    centre.publish(2)
    server.false_replies["/metadata/3.targets.json"] = old

    with pytest.raises(UpdateError, match="an old or mixed state"):
        box.check("rig", 0)


def test_metadata_signed_by_a_wrong_key_is_refused(
    centre: Centre, box: ModelUpdates, server: FileServer, tmp_path: Path
) -> None:
    centre.publish(1)
    server.false_replies["/metadata/timestamp.json"] = signed_timestamp(
        centre, Keys(tmp_path / "stranger"), version=9, snapshot=2
    )

    with pytest.raises(UpdateError, match="too few signatures"):
        box.check("rig", 0)


def test_a_whole_repository_of_a_stranger_is_refused(
    centre: Centre, box: ModelUpdates, server: FileServer, tmp_path: Path
) -> None:
    stranger = Centre(tmp_path / "stranger", FileServer(tmp_path))
    stranger.publish(99)
    server.folder = stranger.repository

    with pytest.raises(UpdateError, match="too few signatures"):
        box.check("rig", 0)


def test_one_signature_where_two_are_needed_is_refused(
    tmp_path: Path, server: FileServer, client: httpx.Client
) -> None:
    centre = Centre(tmp_path, server, targets_keys=2, targets_threshold=2)
    centre.publish(1)
    box = centre.box(client)
    assert box.check("rig", 0).release == 1
    centre.publish(2)
    path = "/metadata/3.targets.json"
    half_signed = json.loads((centre.repository / path[1:]).read_bytes())
    half_signed["signatures"].pop()
    server.false_replies[path] = json.dumps(half_signed).encode()

    with pytest.raises(UpdateError, match="too few signatures"):
        box.check("rig", 0)


def test_the_same_signature_twice_does_not_count_twice(
    tmp_path: Path, server: FileServer, client: httpx.Client
) -> None:
    centre = Centre(tmp_path, server, targets_keys=2, targets_threshold=2)
    centre.publish(1)
    path = "/metadata/2.targets.json"
    doubled = json.loads((centre.repository / path[1:]).read_bytes())
    doubled["signatures"][1] = doubled["signatures"][0]
    server.false_replies[path] = json.dumps(doubled).encode()

    with pytest.raises(UpdateError):
        centre.box(client).check("rig", 0)


def test_a_lower_release_counter_is_never_offered(centre: Centre, box: ModelUpdates) -> None:
    centre.publish(1)

    assert box.check("rig", 1) is None
    assert box.check("rig", 7) is None


def test_replayed_old_repository_after_loss_of_the_metadata_is_refused(
    centre: Centre, box: ModelUpdates, server: FileServer
) -> None:
    centre.publish(1)
    old = centre.copy_repository("old")
    centre.publish(2)
    assert box.check("rig", 0).release == 2
    lose_cached_metadata(centre)

    server.folder = old

    with pytest.raises(UpdateError, match="an old repository is replayed"):
        box.check("rig", 0)


def test_replay_from_before_a_key_rotation_is_refused_after_loss_of_the_metadata(
    centre: Centre, box: ModelUpdates, server: FileServer
) -> None:
    centre.publish(1)
    old = centre.copy_repository("old")
    centre.registry.rotate("timestamp", centre.keys, now=centre.now)
    box.check("rig", 0)
    lose_cached_metadata(centre)

    server.folder = old

    with pytest.raises(UpdateError, match="root metadata of version 1, this box has seen 2"):
        box.check("rig", 0)


def test_fast_forward_with_a_stolen_timestamp_key_ends_with_its_rotation(
    centre: Centre, box: ModelUpdates, server: FileServer
) -> None:
    centre.publish(1)
    server.false_replies["/metadata/timestamp.json"] = signed_timestamp(centre, centre.keys, version=2**31, snapshot=2)
    box.check("rig", 0)
    server.false_replies.clear()
    with pytest.raises(UpdateError, match="an old or mixed state"):
        box.check("rig", 0)

    centre.registry.rotate("timestamp", centre.keys, now=centre.now)
    centre.publish(2)

    assert box.check("rig", 0).release == 2


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
def test_every_role_can_be_rotated_under_a_box_that_knows_the_old_keys(
    centre: Centre, box: ModelUpdates, role: str
) -> None:
    centre.publish(1)
    box.check("rig", 0)

    new = centre.registry.rotate(role, centre.keys, now=centre.now)
    centre.publish(2)

    assert box.check("rig", 0).release == 2
    trusted_root = json.loads((centre.tree_of() / "trust/root.json").read_bytes())["signed"]
    assert trusted_root["roles"][role]["keyids"] == new


def test_repository_restored_from_an_old_backup_is_accepted_after_rotating_its_keys(
    centre: Centre, box: ModelUpdates, server: FileServer
) -> None:
    centre.publish(1)
    backup = centre.copy_repository("backup")
    centre.publish(2)
    centre.publish(3)
    box.check("rig", 0)
    shutil.rmtree(centre.repository)
    shutil.copytree(backup, centre.repository)
    with pytest.raises(UpdateError):
        box.check("rig", 0)

    for role in ("timestamp", "snapshot"):
        centre.registry.rotate(role, centre.keys, now=centre.now)

    assert box.check("rig", 0).release == 1


def test_expiry_is_judged_by_the_trusted_time_when_the_clock_has_fallen_back(
    centre: Centre, client: httpx.Client
) -> None:
    centre.publish(1)
    centre.pass_time(days=400)  # what the floor says, whatever the clock of this machine says

    with pytest.raises(UpdateError, match="expired"):
        centre.box(client).check("rig", 0)


def test_a_cut_download_goes_on_where_it_was_cut(centre: Centre, client: httpx.Client, server: FileServer) -> None:
    centre.publish(1, model=bytes(range(256)) * 4000)
    candidate = centre.box(client).check("rig", 0)
    server.cut_after = candidate.size_bytes // 3
    for _ in range(2):
        with pytest.raises(CentreUnreachableError):
            centre.box(client).download(candidate)
    server.cut_after = None

    folder = centre.box(client).download(candidate)

    assert (folder / "model.onnx").read_bytes() == bytes(range(256)) * 4000
    assert server.bytes_sent == candidate.size_bytes


def test_part_of_a_false_file_costs_one_attempt_not_the_update(
    centre: Centre, box: ModelUpdates, server: FileServer
) -> None:
    centre.publish(1)
    candidate = box.check("rig", 0)
    server.false_replies[target_url(server)] = b"\0" * candidate.size_bytes
    server.cut_after = 1000
    with pytest.raises(CentreUnreachableError):
        box.download(candidate)
    server.false_replies.clear()
    server.cut_after = None

    with pytest.raises(UpdateError, match="not what was signed"):
        box.download(candidate)

    assert box.download(candidate).is_dir()


def lose_cached_metadata(centre: Centre) -> None:
    """As after a crash of a file system that kept the files' names but not what was in them."""
    trust = centre.tree_of() / "trust"
    for file in (trust / "timestamp.json", trust / "snapshot.json", trust / "targets.json"):
        file.write_bytes(b"")
    shutil.rmtree(trust / "root_history")


def signed_timestamp(centre: Centre, keys: Keys, *, version: int, snapshot: int) -> bytes:
    """A timestamp as the thief or stranger who holds `keys` would sign it."""
    if not keys.directory.exists():
        create_keys(keys.directory)
    timestamp = Timestamp(version, expires=centre.now.replace(year=2100), snapshot_meta=MetaFile(snapshot))
    metadata = Metadata(timestamp)
    for signer in keys.existing("timestamp"):
        metadata.sign(signer, append=True)
    return metadata.to_bytes()
