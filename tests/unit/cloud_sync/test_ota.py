"""Model updates as the agent uses them, over real HTTP; tests/fault/test_ota_attacks.py holds the attacks."""

import errno
from datetime import datetime

import httpx
import pytest

from cloud_sync.edge import ota
from cloud_sync.edge.ota import ModelUpdates
from edge_runtime.bundle import open_bundle
from edge_runtime.errors import CentreUnreachableError, CredentialError, UpdateError
from tests.model_centre import START, Centre
from tests.servers.file_server import FileServer


@pytest.fixture
def box(model_centre: Centre, http_client: httpx.Client) -> ModelUpdates:
    return model_centre.box(http_client)


def test_nothing_published_is_nothing_new(box: ModelUpdates) -> None:
    assert box.check("rig", 0) is None


def test_the_newest_release_above_the_present_is_offered(model_centre: Centre, box: ModelUpdates) -> None:
    for release in (1, 2, 3):
        model_centre.publish(release)
    candidate = box.check("rig", 1)
    assert (candidate.version, candidate.release) == ("3.0.0", 3)


def test_one_version_alone_can_be_asked_for(model_centre: Centre, box: ModelUpdates) -> None:
    for release in (1, 2, 3):
        model_centre.publish(release)
    assert box.check("rig", 1, "2.0.0").release == 2
    assert box.check("rig", 2, "2.0.0") is None
    assert box.check("rig", 2, "1.0.0") is None
    with pytest.raises(UpdateError, match=r"offers model rig 9\.9\.9, which nobody has signed") as refusal:
        box.check("rig", 1, "9.9.9")
    assert "model publish" in refusal.value.hint


def test_a_withdrawn_model_is_not_taken_whoever_offers_it(model_centre: Centre, box: ModelUpdates) -> None:
    for release in (1, 2, 3):
        model_centre.publish(release)
    candidate = box.check("rig", 1, "2.0.0")
    model_centre.registry.withdraw("rig", "2.0.0", model_centre.keys, now=model_centre.now)
    with pytest.raises(UpdateError, match="no longer offered"):
        box.download(candidate)
    with pytest.raises(UpdateError, match="nobody has signed"):
        box.check("rig", 1, "2.0.0")


def test_models_of_another_name_are_left_alone(model_centre: Centre, box: ModelUpdates) -> None:
    model_centre.publish(9, name="rig-2")
    model_centre.publish(8, name="press")
    assert box.check("rig", 0) is None


def test_downloaded_bundle_is_the_published_one(model_centre: Centre, box: ModelUpdates) -> None:
    published = model_centre.publish(1)
    bundle = open_bundle(box.download(box.check("rig", 0)))
    assert bundle.sha256 == published.manifest_sha256
    assert bundle.model_path.read_bytes() == b"weights 1"


def test_bundle_that_is_here_already_is_not_fetched_again(
    model_centre: Centre, http_client: httpx.Client, box: ModelUpdates, file_server: FileServer
) -> None:
    model_centre.publish(1)
    candidate = box.check("rig", 0)
    folder = box.download(candidate)
    sent = file_server.bytes_sent

    assert model_centre.box(http_client).download(candidate) == folder
    assert file_server.bytes_sent == sent


def test_bundle_that_was_damaged_on_disk_is_fetched_again(model_centre: Centre, box: ModelUpdates) -> None:
    model_centre.publish(1)
    candidate = box.check("rig", 0)
    (box.download(candidate) / "model.onnx").write_bytes(b"damaged")
    assert (box.download(candidate) / "model.onnx").read_bytes() == b"weights 1"


def test_downloads_do_not_add_up(model_centre: Centre, box: ModelUpdates) -> None:
    for release in (1, 2):
        model_centre.publish(release)
        box.download(box.check("rig", 0))
    (model_centre.tree_of() / "downloads" / ".unpacking").mkdir()
    folder = box.download(box.check("rig", 0))
    assert list((model_centre.tree_of() / "downloads").iterdir()) == [folder]


def test_model_for_a_newer_agent_is_passed_over_for_one_that_runs(model_centre: Centre, box: ModelUpdates) -> None:
    model_centre.publish(1)
    model_centre.publish(2, minimum_agent_version="9.0.0")
    assert box.check("rig", 0).release == 1


def test_only_models_for_a_newer_agent_say_which_agent_is_needed(model_centre: Centre, box: ModelUpdates) -> None:
    model_centre.publish(2, minimum_agent_version="9.0.0")
    with pytest.raises(UpdateError, match=r"needs agent 9\.0\.0 or newer, this is 0\.1\.0") as refusal:
        box.check("rig", 1)
    assert "Update the agent" in refusal.value.hint
    assert box.check("rig", 2) is None


def test_candidate_that_was_replaced_meanwhile_is_refused(model_centre: Centre, http_client: httpx.Client) -> None:
    model_centre.publish(1)
    candidate = model_centre.box(http_client).check("rig", 0)
    other = Centre(model_centre.directory / "other", model_centre.server)
    with pytest.raises(UpdateError, match="no longer offered"):
        other.box(http_client).download(candidate)


def test_bundle_that_is_not_what_was_signed_is_refused(
    model_centre: Centre, box: ModelUpdates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "cloud_sync.cloud.registry.models.ModelTarget.of",
        classmethod(mislabel),
    )
    model_centre.publish(1)
    monkeypatch.undo()
    with pytest.raises(UpdateError, match="other than what was signed: release 7"):
        box.download(box.check("rig", 0))
    assert not (model_centre.tree_of() / "downloads" / "rig-1.0.0").exists()


def test_time_of_signing_is_known_after_a_check(model_centre: Centre, box: ModelUpdates) -> None:
    assert box.signed_at is None
    box.check("rig", 0)
    assert box.signed_at == START
    model_centre.pass_time(days=3)
    model_centre.registry.refresh(model_centre.keys, now=model_centre.now)
    box.check("rig", 0)
    assert box.signed_at == model_centre.now


@pytest.mark.parametrize("signed_at", [None, "yesterday", "2026-03-01T00:00:00", "2999-01-01T00:00:00+00:00"])
def test_time_of_signing_that_makes_no_sense_is_unknown(
    model_centre: Centre, box: ModelUpdates, monkeypatch: pytest.MonkeyPatch, signed_at: str | None
) -> None:
    class Clock(datetime):
        def isoformat(self, **_: object) -> str | None:
            return signed_at

    model_centre.registry.refresh(model_centre.keys, now=Clock(2026, 3, 2, tzinfo=START.tzinfo))
    box.check("rig", 0)
    assert box.signed_at is None


def test_no_network_is_unreachable_not_refused(model_centre: Centre, http_client: httpx.Client) -> None:
    box = ModelUpdates(
        model_centre.tree_of() / "trust",
        model_centre.tree_of() / "downloads",
        "http://127.0.0.1:1",
        model_centre.root,
        client=http_client,
        reference_time=lambda: START,
    )
    with pytest.raises(CentreUnreachableError):
        box.check("rig", 0)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, CredentialError),
        (403, CredentialError),
        (404, UpdateError),
        (429, CentreUnreachableError),
        (503, CentreUnreachableError),
    ],
)
def test_each_http_error_says_what_to_do(
    box: ModelUpdates, file_server: FileServer, status: int, error: type[Exception]
) -> None:
    file_server.status = status
    with pytest.raises(error, match=str(status)) as refusal:
        box.check("rig", 0)
    assert refusal.value.hint


def test_full_disk_is_named(model_centre: Centre, box: ModelUpdates, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    model_centre.publish(1)
    candidate = box.check("rig", 0)
    monkeypatch.setattr(ota, "unpack_bundle", no_room)
    with pytest.raises(UpdateError, match="No space left on device") as refusal:
        box.download(candidate)
    assert "Free room" in refusal.value.hint
    monkeypatch.undo()
    assert box.download(candidate).is_dir()


def test_a_root_that_is_no_root_is_refused(model_centre: Centre, http_client: httpx.Client) -> None:
    model_centre.root = b"{}"
    with pytest.raises(UpdateError, match="the metadata is refused"):
        model_centre.box(http_client).check("rig", 0)


def test_target_that_is_no_model_is_refused(
    model_centre: Centre, box: ModelUpdates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud_sync.cloud.registry.models.ModelTarget.model_dump", lambda self: {"name": "rig"})
    model_centre.publish(1)
    monkeypatch.undo()
    with pytest.raises(UpdateError, match=r"models/rig/1\.0\.0\.tar: what was signed is not a model"):
        box.check("rig", 0)


def mislabel(cls: type, manifest: object, sha256: str) -> object:
    return cls(
        name=manifest.name,
        version=manifest.version,
        release=7,
        minimum_agent_version=manifest.minimum_agent_version,
        manifest_sha256=sha256,
    )
