"""What can be offered to a box as its settings, by mistake or by somebody: each over a real HTTP server."""

import json

import httpx
import pytest

from cloud_sync.cloud.registry.settings import SettingsRegistry
from cloud_sync.cloud.registry.signed_repository import SignedRepository
from cloud_sync.edge.settings_updates import SettingsUpdates
from cloud_sync.settings_target import MAX_DOCUMENT_BYTES, SettingsTarget
from edge_runtime.errors import CentreUnreachableError, ConfigurationError, UpdateError
from tests.model_centre import Centre
from tests.servers.file_server import FileServer

DOCUMENT = b"alerts: {raise_after: 7}\n"


@pytest.fixture
def box(centre: Centre, client: httpx.Client) -> SettingsUpdates:
    return centre.settings_of(client)


def sign(centre: Centre, path: str, content: bytes, custom: dict[str, object]) -> None:
    """Sign a target as the holder of the targets key can, whatever it is."""
    repository = SignedRepository(centre.repository)
    repository.publish(repository.targets(), path, content, custom, keys=centre.keys, now=centre.now)


def test_the_newest_document_for_the_box_is_taken_and_no_other(centre: Centre, box: SettingsUpdates) -> None:
    centre.publish(1)
    assert box.newest("tiny", 0) is None
    centre.publish_settings(b"alerts: {}\n")
    centre.publish_settings(DOCUMENT)
    centre.publish_settings(b"windows: {}\n", "other", version=9)
    offered = box.newest("tiny", 1)
    assert offered is not None
    assert (offered.target, offered.content) == (SettingsTarget(addressee="tiny", version=2), DOCUMENT)
    assert box.signed_at == centre.now


def test_no_version_that_is_not_above_what_the_box_had_is_ever_taken(centre: Centre, box: SettingsUpdates) -> None:
    centre.publish_settings(DOCUMENT, version=4)
    assert box.newest("tiny", 4) is None
    assert box.newest("tiny", 9) is None


def test_models_and_settings_share_one_repository(centre: Centre, client: httpx.Client) -> None:
    centre.publish_settings(DOCUMENT)
    centre.publish(1)
    assert [model.version for model in centre.registry.models()] == ["1.0.0"]
    assert centre.box(client).check("rig", 0).release == 1
    assert centre.settings_of(client).newest("tiny", 0).content == DOCUMENT


def test_a_bad_signature_is_refused(centre: Centre, box: SettingsUpdates, server: FileServer) -> None:
    centre.publish_settings(DOCUMENT)
    path = "/metadata/2.targets.json"
    forged = json.loads((centre.repository / path[1:]).read_bytes())
    forged["signed"]["targets"]["settings/tiny/1.yaml"]["custom"]["version"] = 99
    server.false_replies[path] = json.dumps(forged).encode()
    with pytest.raises(UpdateError, match="too few signatures"):
        box.newest("tiny", 0)


def test_a_document_that_was_changed_on_its_way_is_refused(
    centre: Centre, box: SettingsUpdates, server: FileServer
) -> None:
    centre.publish_settings(DOCUMENT)
    file = next(centre.repository.glob("targets/settings/tiny/*.yaml"))
    server.false_replies["/" + str(file.relative_to(centre.repository))] = DOCUMENT.replace(b"7", b"1")
    with pytest.raises(UpdateError, match="not what was signed"):
        box.newest("tiny", 0)
    server.false_replies.clear()
    assert box.newest("tiny", 0).content == DOCUMENT


def test_expired_signatures_are_refused(centre: Centre, box: SettingsUpdates) -> None:
    centre.publish_settings(DOCUMENT)
    centre.pass_time(days=8)
    with pytest.raises(UpdateError, match="expired"):
        box.newest("tiny", 0)


def test_a_replayed_old_repository_is_refused(centre: Centre, box: SettingsUpdates, server: FileServer) -> None:
    centre.publish_settings(DOCUMENT)
    old = centre.copy_repository("old")
    centre.publish_settings(DOCUMENT)
    box.newest("tiny", 0)
    server.folder = old
    with pytest.raises(UpdateError):
        box.newest("tiny", 0)


def test_a_document_that_was_signed_for_another_machine_is_refused(centre: Centre, box: SettingsUpdates) -> None:
    sign(centre, "settings/tiny/3.yaml", DOCUMENT, {"addressee": "other", "version": 3})
    with pytest.raises(UpdateError, match="was signed as version 3 for other"):
        box.newest("tiny", 0)


@pytest.mark.parametrize("custom", [{}, {"addressee": "tiny"}, {"addressee": "tiny", "version": 0}])
def test_what_is_no_settings_document_is_refused(centre: Centre, box: SettingsUpdates, custom: dict) -> None:
    sign(centre, "settings/tiny/3.yaml", DOCUMENT, custom)
    with pytest.raises(UpdateError, match="no settings document"):
        box.newest("tiny", 0)


def test_a_document_that_is_too_large_is_not_fetched(centre: Centre, box: SettingsUpdates) -> None:
    sign(centre, "settings/tiny/1.yaml", bytes(MAX_DOCUMENT_BYTES + 1), {"addressee": "tiny", "version": 1})
    with pytest.raises(UpdateError, match="at most"):
        box.newest("tiny", 0)


def test_a_centre_that_fails_is_asked_again(centre: Centre, box: SettingsUpdates, server: FileServer) -> None:
    centre.publish_settings(DOCUMENT)
    server.status = 503
    with pytest.raises(CentreUnreachableError):
        box.newest("tiny", 0)
    server.status = None
    assert box.newest("tiny", 0).content == DOCUMENT


def test_versions_only_rise_at_the_centre_too(centre: Centre) -> None:
    centre.publish_settings(DOCUMENT, version=5)
    assert centre.publish_settings(DOCUMENT).version == 6
    with pytest.raises(UpdateError, match="not above 6") as refusal:
        centre.publish_settings(DOCUMENT, version=6)
    assert "--version 7" in refusal.value.hint


def test_an_earlier_document_comes_back_as_the_newest(centre: Centre, box: SettingsUpdates) -> None:
    centre.publish_settings(DOCUMENT)
    centre.publish_settings(b"alerts: {}\n")
    registry = SettingsRegistry(centre.repository)
    assert registry.roll_back("tiny", to=1, keys=centre.keys, now=centre.now).version == 3
    assert box.newest("tiny", 2).content == DOCUMENT
    with pytest.raises(UpdateError, match="not published"):
        registry.roll_back("tiny", to=9, keys=centre.keys, now=centre.now)


@pytest.mark.parametrize("content", [b"", b"{", b"- list", b"\xff\xfe", b"x" * (MAX_DOCUMENT_BYTES + 1)])
def test_what_no_box_could_read_is_not_signed(centre: Centre, content: bytes) -> None:
    with pytest.raises(ConfigurationError):
        centre.publish_settings(content)
    assert SettingsRegistry(centre.repository).documents() == []
