"""Fetching and resuming, against a real HTTP server where the server matters and a scripted one where time does."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest
from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError, SlowRetrievalError

from cloud_sync.edge.link import Link
from cloud_sync.edge.tuf_fetcher import TARGET_DEADLINE_S, ResumingFetcher
from tests.servers.file_server import FileServer

CONTENT = bytes(range(256)) * 100


@pytest.fixture
def fetcher(http_client: httpx.Client, tmp_path: Path) -> ResumingFetcher:
    (tmp_path / "parts").mkdir()
    return ResumingFetcher(http_client, tmp_path / "parts")


@pytest.fixture
def url(file_server: FileServer) -> str:
    file_server.false_replies["/targets/model.tar"] = CONTENT
    return f"{file_server.url}/targets/model.tar"


def download(fetcher: ResumingFetcher, url: str, length: int = len(CONTENT)) -> bytes:
    with fetcher.download_file(url, length) as file:
        return file.read()


def ranges(server: FileServer) -> list[str | None]:
    return [asked for _, asked in server.requests]


def test_target_is_fetched_once_over_several_cuts(fetcher: ResumingFetcher, url: str, file_server: FileServer) -> None:
    file_server.cut_after = 10_000
    for _ in range(2):
        with pytest.raises(DownloadError):
            download(fetcher, url)

    assert download(fetcher, url) == CONTENT
    assert ranges(file_server) == [None, "bytes=10000-", "bytes=20000-"]
    assert file_server.bytes_sent == len(CONTENT)


def test_server_without_ranges_is_asked_for_the_whole(
    fetcher: ResumingFetcher, url: str, file_server: FileServer
) -> None:
    file_server.cut_after = 10_000
    with pytest.raises(DownloadError):
        download(fetcher, url)
    file_server.cut_after = None
    file_server.ranges = False

    assert download(fetcher, url) == CONTENT


def test_a_complete_part_is_not_fetched_again(fetcher: ResumingFetcher, url: str, file_server: FileServer) -> None:
    fetcher.part_path(url).write_bytes(CONTENT)
    assert download(fetcher, url) == CONTENT
    assert file_server.requests == []


def test_part_that_does_not_fit_the_server_is_thrown_away(
    fetcher: ResumingFetcher, url: str, file_server: FileServer
) -> None:
    fetcher.part_path(url).write_bytes(CONTENT)
    with pytest.raises(DownloadError, match="can't be resumed at byte 25600"):
        download(fetcher, url, length=len(CONTENT) + 1)
    assert not fetcher.part_path(url).exists()


def test_part_is_gone_after_reading_also_when_the_reader_refuses_it(fetcher: ResumingFetcher, url: str) -> None:
    with pytest.raises(RuntimeError), fetcher.download_file(url, len(CONTENT)):
        raise RuntimeError
    assert not fetcher.part_path(url).exists()


def test_longer_target_is_refused_and_not_kept(fetcher: ResumingFetcher, url: str) -> None:
    with pytest.raises(DownloadLengthMismatchError):
        download(fetcher, url, length=len(CONTENT) - 1)
    assert not fetcher.part_path(url).exists()


def test_longer_metadata_is_refused(fetcher: ResumingFetcher, url: str) -> None:
    assert fetcher.download_bytes(url, len(CONTENT)) == CONTENT
    with pytest.raises(DownloadLengthMismatchError):
        fetcher.download_bytes(url, len(CONTENT) - 1)


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_http_errors_carry_their_status(
    fetcher: ResumingFetcher, url: str, file_server: FileServer, status: int
) -> None:
    file_server.status = status
    with pytest.raises(DownloadHTTPError) as from_metadata:
        fetcher.download_bytes(url, 1000)
    with pytest.raises(DownloadHTTPError) as from_target:
        download(fetcher, url)
    assert from_metadata.value.status_code == from_target.value.status_code == status


def test_unreachable_server_is_a_download_error(http_client: httpx.Client, tmp_path: Path) -> None:
    with pytest.raises(DownloadError):
        ResumingFetcher(http_client, tmp_path).download_bytes("http://127.0.0.1:1/timestamp.json", 1000)


def test_a_trickling_server_is_left_at_the_deadline_and_what_came_is_kept(tmp_path: Path) -> None:
    def trickle() -> Iterator[bytes]:
        for _ in range(1000):
            yield b"x" * 10

    seconds = count(step=TARGET_DEADLINE_S / 3)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=trickle()))
    with httpx.Client(transport=transport) as client:
        fetcher = ResumingFetcher(client, tmp_path, monotonic=lambda: next(seconds))
        with pytest.raises(SlowRetrievalError):
            download(fetcher, "http://centre/model.tar", length=10_000)
    assert 0 < (tmp_path / "model.tar.part").stat().st_size < 10_000


def test_transfer_is_asked_for_uncompressed(tmp_path: Path) -> None:
    asked: list[str] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["accept-encoding"])
        return httpx.Response(200, content=iter([b"{}"]))

    with httpx.Client(transport=httpx.MockTransport(reply)) as client:
        fetcher = ResumingFetcher(client, tmp_path)
        fetcher.download_bytes("http://centre/timestamp.json", 10)
        download(fetcher, "http://centre/model.tar", length=10)
    assert asked == ["identity", "identity"]


def test_client_ignores_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with Link("http://127.0.0.1").open_blocking(30) as client:
        assert client.trust_env is False
