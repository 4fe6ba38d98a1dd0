"""The private parts of python-tuf that the client relies on, in the installed version."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tuf.api.exceptions import ExpiredMetadataError

from cloud_sync.edge import tuf_client
from cloud_sync.edge.tuf_client import TrustedUpdater
from cloud_sync.edge.tuf_fetcher import ResumingFetcher
from tests.model_centre import START, Centre


def updater_at(centre: Centre, client: httpx.Client, directory: Path, reference_time: datetime) -> TrustedUpdater:
    directory.mkdir(exist_ok=True)
    fetcher = ResumingFetcher(client, directory)
    return TrustedUpdater(directory, centre.server.url, fetcher, root=centre.root, reference_time=reference_time)


def test_expiry_is_judged_by_the_reference_time_not_by_the_clock(
    model_centre: Centre, http_client: httpx.Client, tmp_path: Path
) -> None:
    expires = START + timedelta(days=7)

    updater_at(model_centre, http_client, tmp_path / "before", expires - timedelta(seconds=1)).refresh()

    with pytest.raises(ExpiredMetadataError):
        updater_at(model_centre, http_client, tmp_path / "after", expires).refresh()


def test_verified_metadata_is_seen_after_refresh(
    model_centre: Centre, http_client: httpx.Client, tmp_path: Path
) -> None:
    model_centre.publish(1)
    updater = updater_at(model_centre, http_client, tmp_path / "box", START)
    updater.refresh()

    assert updater.root.version == 1
    assert (updater.timestamp.version, updater.snapshot.version, updater.targets.version) == (2, 2, 2)
    assert list(updater.targets.targets) == ["models/rig/1.0.0.tar"]


def test_trusted_metadata_is_written_durably(
    model_centre: Centre, http_client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    monkeypatch.setattr(tuf_client, "replace_file", lambda path, data: (written.append(path.name), replace(path, data)))
    updater_at(model_centre, http_client, tmp_path / "box", START).refresh()
    assert written == ["1.root.json", "timestamp.json", "snapshot.json", "targets.json"]


def replace(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def test_refresh_does_not_depend_on_the_clock_of_this_machine(
    model_centre: Centre, http_client: httpx.Client, tmp_path: Path
) -> None:
    model_centre.now = datetime(1971, 1, 1, tzinfo=UTC)
    model_centre.registry.renew(model_centre.keys, now=model_centre.now)
    updater_at(model_centre, http_client, tmp_path / "box", model_centre.now).refresh()
    assert (tmp_path / "box" / "root.json").exists()
