"""A repository that was signed elsewhere comes in whole, or not at all."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud_sync.cloud.registry import signed_repository
from cloud_sync.cloud.registry.incoming import TakenOver, take_over
from cloud_sync.cloud.registry.keys import Keys, create_keys
from cloud_sync.cloud.registry.models import Registry
from cloud_sync.cloud.registry.settings import SettingsRegistry
from cloud_sync.cloud.registry.verified import VerifiedModels
from edge_runtime.errors import ConfigurationError, UpdateError
from tests.model_bundle import write_bundle


class Signer:
    """Where the keys are: a repository, and what is published in it."""

    def __init__(self, folder: Path) -> None:
        create_keys(folder / "keys")
        self.keys = Keys(folder / "keys")
        self.repository = folder / "repository"
        self.registry = Registry.create(self.repository, self.keys, now=datetime.now(UTC))

    def publish(self, release: int, now: datetime | None = None) -> None:
        bundle = write_bundle(self.repository.parent / f"b{release}", version=f"{release}.0.0", release=release)
        self.registry.publish(bundle, self.keys, now=now or datetime.now(UTC), agent_version="99.0.0")


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    signer = Signer(tmp_path / "signer")
    signer.publish(1)
    return signer


@pytest.fixture
def centre(tmp_path: Path, signer: Signer) -> Path:
    """The centre's repository, at the signer's first state."""
    shutil.copytree(signer.repository, tmp_path / "centre")
    return tmp_path / "centre"


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def releases(centre: Path) -> list[int]:
    """What a server of the centre sees, every signature and file checked."""
    verified = VerifiedModels(centre)
    for model in verified.models():
        verified.archive(model)
    return sorted(model.release for model in verified.models())


def test_what_is_new_is_offered_and_what_was_withdrawn_is_not(signer: Signer, centre: Path) -> None:
    signer.publish(2)
    SettingsRegistry(signer.repository).publish(b"alerts: {}", "press-7", signer.keys, now=datetime.now(UTC))
    signer.registry.withdraw("rig", "1.0.0", signer.keys, now=datetime.now(UTC))

    assert take_over(signer.repository, centre) == TakenOver(
        ("models/rig/2.0.0.tar", "settings/press-7/1.yaml"), ("models/rig/1.0.0.tar",), 5, 2
    )
    assert releases(centre) == [2]
    assert take_over(signer.repository, centre) == TakenOver((), (), 5, 5)


def test_the_first_one_takes_a_root_that_is_trusted(signer: Signer, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no root is trusted") as refusal:
        take_over(signer.repository, tmp_path)
    assert "--root" in refusal.value.hint

    signer.registry.rotate("root", signer.keys, now=datetime.now(UTC))
    first = (signer.repository / "metadata" / "1.root.json").read_bytes()
    assert take_over(signer.repository, tmp_path / "new", root=first).offered == ("models/rig/1.0.0.tar",)
    assert releases(tmp_path / "new") == [1]
    assert content(tmp_path / "new" / "metadata").keys() >= {"1.root.json", "2.root.json"}

    others = Signer(tmp_path / "others")
    with pytest.raises(UpdateError, match="too few signatures"):
        take_over(others.repository, tmp_path / "newer", root=first)


def test_new_keys_are_followed_and_strange_ones_are_not(signer: Signer, centre: Path, tmp_path: Path) -> None:
    for role in ("targets", "root", "snapshot", "timestamp"):
        signer.registry.rotate(role, signer.keys, now=datetime.now(UTC))
    signer.publish(2)
    take_over(signer.repository, centre)
    assert releases(centre) == [1, 2]

    before = content(centre)
    thief = Signer(tmp_path / "thief")
    for release in range(3, 12):
        thief.publish(release)
    with pytest.raises(UpdateError, match="too few signatures"):
        take_over(thief.repository, centre)
    assert content(centre) == before


def test_an_older_state_is_refused(signer: Signer, centre: Path, tmp_path: Path) -> None:
    shutil.copytree(signer.repository, tmp_path / "old")
    signer.publish(2)
    take_over(signer.repository, centre)
    before = content(centre)

    with pytest.raises(UpdateError, match="older than what is here") as refusal:
        take_over(tmp_path / "old", centre)

    assert "sign there again" in refusal.value.hint
    assert content(centre) == before


@pytest.mark.parametrize("part", ["2.targets.json", "2.snapshot.json"])
def test_parts_of_several_states_are_refused(signer: Signer, centre: Path, part: str) -> None:
    signer.publish(2)
    metadata = signer.repository / "metadata"
    shutil.copyfile(metadata / part, metadata / f"3.{part.partition('.')[2]}")
    before = content(centre)

    with pytest.raises(UpdateError, match="mixed of several states"):
        take_over(signer.repository, centre)

    assert content(centre) == before


def test_what_was_signed_here_meanwhile_is_not_overwritten(signer: Signer, centre: Path) -> None:
    """Both have made state 3: the daily refresh at the centre, and whoever publishes where the keys are."""
    signer.publish(2)
    Registry(centre).refresh(signer.keys, now=datetime.now(UTC) + timedelta(seconds=5))
    before = content(centre)

    with pytest.raises(UpdateError, match="number 3, which is given to another state") as refusal:
        take_over(signer.repository, centre)

    assert "Copy this centre's repository" in refusal.value.hint
    assert content(centre) == before


def test_what_has_expired_is_refused(signer: Signer, centre: Path) -> None:
    signer.publish(2, now=datetime.now(UTC) - timedelta(days=8))
    with pytest.raises(UpdateError, match="have expired"):
        take_over(signer.repository, centre)


def test_an_expired_state_here_is_replaced_and_yet_protects(signer: Signer, centre: Path, tmp_path: Path) -> None:
    shutil.copytree(signer.repository, tmp_path / "old")
    Registry(centre).refresh(signer.keys, now=datetime.now(UTC) - timedelta(days=90))
    with pytest.raises(UpdateError, match="older than what is here"):
        take_over(tmp_path / "old", centre)
    shutil.rmtree(signer.repository)
    shutil.copytree(centre, signer.repository)
    signer.publish(2)
    take_over(signer.repository, centre)
    assert releases(centre) == [1, 2]


@pytest.mark.parametrize("fault", ["changed", "missing"])
def test_a_bundle_that_is_not_what_was_signed_is_refused(signer: Signer, centre: Path, fault: str) -> None:
    signer.publish(2)
    (archive,) = (signer.repository / "targets" / "models" / "rig").glob("*.2.0.0.tar")
    if fault == "changed":
        archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    else:
        archive.unlink()
    before = content(centre)

    with pytest.raises(UpdateError, match=r"isn't what was signed|isn't a whole repository"):
        take_over(signer.repository, centre)

    assert content(centre) == before


def test_cut_short_at_any_file_readers_see_a_whole_state(
    signer: Signer, centre: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer.registry.rotate("root", signer.keys, now=datetime.now(UTC))
    signer.publish(2)
    replace, left = signed_repository.replace_file, [0]

    def cut(path: Path, data: bytes) -> None:
        if not left[0]:
            raise OSError(28, "No space left on device")
        left[0] -= 1
        replace(path, data)

    monkeypatch.setattr(signed_repository, "replace_file", cut)
    for files in range(5):  # the bundle, the root, targets, snapshot and timestamp
        copy = shutil.copytree(centre, tmp_path / f"cut-{files}")
        left[0] = files
        with pytest.raises(ConfigurationError, match="No space left"):
            take_over(signer.repository, copy)
        assert releases(copy) == [1]
        left[0] = 100
        take_over(signer.repository, copy)
        assert releases(copy) == [1, 2]
