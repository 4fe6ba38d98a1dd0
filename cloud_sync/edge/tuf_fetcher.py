"""Fetches the signed repository over one reused HTTP client, and goes on with a cut download where it was cut.

Nothing that arrives is trusted here: the TUF updater checks length and hash of every byte, also of resumed ones.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
from tuf.api.exceptions import (
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    SlowRetrievalError,
)
from tuf.ngclient import FetcherInterface

METADATA_DEADLINE_S = 60.0
TARGET_DEADLINE_S = 1800.0
_CANT_RESUME = (httpx.codes.PARTIAL_CONTENT, httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE)
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class ResumingFetcher(FetcherInterface):
    """Fetches for the TUF updater.

    Args:
        client: is reused, and stays the caller's to close.
        directory: where parts of interrupted downloads wait, as `<file name>.part`.
        monotonic: clock of the deadlines, s; a server that trickles can't hold the caller for longer than those.
    """

    def __init__(
        self, client: httpx.Client, directory: Path, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._directory = directory
        self._monotonic = monotonic

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """One metadata file, in memory.

        Raises:
            DownloadError: it can't be had, or is longer than `max_length`.
        """
        content = bytearray()
        for chunk in self._fetch(url):
            content += chunk
            _refuse_longer(url, len(content), max_length)
        return bytes(content)

    @contextmanager
    def download_file(self, url: str, max_length: int) -> Iterator[IO[bytes]]:
        """One target, open for reading. What was fetched before an interruption is not fetched again.

        The part is thrown away once it has been read, also when it failed the check: a false one must not be resumed.

        Raises:
            DownloadError: it can't be had, or is longer than `max_length`.
        """
        part = self.part_path(url)
        self._complete(url, part, max_length)
        try:
            with part.open("rb") as file:
                yield file
        finally:
            part.unlink(missing_ok=True)

    def part_path(self, url: str) -> Path:
        """Where the part of this target waits. Target files carry their hash in their name, so names don't clash."""
        return self._directory / f"{url.rpartition('/')[2]}.part"

    def _fetch(self, url: str) -> Iterator[bytes]:
        with self._get(url, {}) as response:
            _refuse_errors(url, response)
            yield from self._body(url, response, METADATA_DEADLINE_S)

    def _complete(self, url: str, part: Path, length: int) -> None:
        """Fetch what `part` lacks of `length` bytes."""
        have = part.stat().st_size if part.exists() else 0
        if have >= length:  # complete but never read, or false: the updater's check tells
            return
        with self._get(url, {"range": f"bytes={have}-"} if have else {}) as response:
            if have and response.status_code in _CANT_RESUME and _range_start(response) != have:
                part.unlink()
                raise DownloadError(f"{url}: can't be resumed at byte {have}; the next attempt begins anew")
            resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
            if not resumed:
                _refuse_errors(url, response)
                have = 0  # the server doesn't do ranges: from the start
            with part.open("ab" if resumed else "wb") as file:
                for chunk in self._body(url, response, TARGET_DEADLINE_S):
                    have += len(chunk)
                    if have > length:
                        part.unlink()
                    _refuse_longer(url, have, length)
                    file.write(chunk)

    @contextmanager
    def _get(self, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
        # Compressed transfer would make ranges and lengths mean something else than the file's.
        try:
            with self._client.stream("GET", url, headers={"accept-encoding": "identity", **headers}) as response:
                yield response
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DownloadError(f"{url}: {str(error) or type(error).__name__}") from error

    def _body(self, url: str, response: httpx.Response, deadline_s: float) -> Iterator[bytes]:
        end = self._monotonic() + deadline_s
        for chunk in response.iter_raw():
            yield chunk
            if self._monotonic() > end:
                raise SlowRetrievalError(f"{url}: not complete after {deadline_s:.0f} s")


def _range_start(response: httpx.Response) -> int | None:
    match = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    return int(match[1]) if match else None


def _refuse_errors(url: str, response: httpx.Response) -> None:
    if response.status_code != httpx.codes.OK:
        message = f"{url}: HTTP {response.status_code} {response.reason_phrase}"
        raise DownloadHTTPError(message, response.status_code)


def _refuse_longer(url: str, length: int, max_length: int) -> None:
    if length > max_length:
        raise DownloadLengthMismatchError(f"{url}: longer than the {max_length} bytes signed or allowed for it")
