"""The centre's signed repository as a box sees it: verified by TUF, and never older than what was seen before.

Trust comes from the signatures alone, never from the channel.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadHTTPError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)

from cloud_sync.edge.trust_marks import TrustMarks
from cloud_sync.edge.tuf_client import TrustedUpdater
from cloud_sync.edge.tuf_fetcher import ResumingFetcher
from cloud_sync.model_target import SIGNED_AT
from edge_runtime.errors import CentreError, CentreUnreachableError, CredentialError, UpdateError
from edge_runtime.folder_lock import locked

_PASSING = frozenset({408, 425, 429})
_TAMPERING = "Nothing was installed. Somebody may be tampering: check who answers at the centre's address."
_REFUSALS: tuple[tuple[type[RepositoryError], str, str], ...] = (
    (
        ExpiredMetadataError,
        "the signatures have expired",
        "Check this box's clock (`timedatectl`); if it is right, run `hydrosight-cloud model refresh` at the centre.",
    ),
    (BadVersionNumberError, "an old or mixed state is offered", _TAMPERING),
    (LengthOrHashMismatchError, "the content is not what was signed", _TAMPERING),
    (UnsignedMetadataError, "too few signatures of trusted keys", _TAMPERING),
    (RepositoryError, "the metadata is refused", _TAMPERING),
)


class TrustedRepository:
    """What one box trusts of the repository.

    Args:
        metadata_dir: where trusted metadata is kept; must survive restarts. Several may share it.
        download_dir: where parts of downloads lie.
        base_url: of the signed repository, above its `metadata/` and `targets/`.
        root: the root metadata that this box was given by hand; the anchor of all trust.
        client: reused for all requests; see `update_client`.
        reference_time: what time it is at least, in UTC: the later of the clock and its floor.
    """

    def __init__(
        self,
        metadata_dir: Path,
        download_dir: Path,
        base_url: str,
        root: bytes,
        *,
        client: httpx.Client,
        reference_time: Callable[[], datetime],
    ) -> None:
        self._metadata_dir = metadata_dir
        self._download_dir = download_dir
        self._base_url = base_url.rstrip("/")
        self._root = root
        self._fetcher = ResumingFetcher(client, download_dir)
        self._reference_time = reference_time
        self._signed_at: datetime | None = None

    @property
    def signed_at(self) -> datetime | None:
        """When the centre signed the newest state that this object has verified: it is later than that now."""
        return self._signed_at

    def part_path(self, url: str) -> Path:
        """Where the part of a target waits."""
        return self._fetcher.part_path(url)

    @contextmanager
    def refreshed(self) -> Iterator[TrustedUpdater]:
        """An updater that trusts the centre's present state, none of it older than what was trusted before.

        Inside the `with` block what TUF, the network and the disk say becomes an error that says what to do.

        Raises:
            UpdateError: the repository was refused, or the disk.
            CentreUnreachableError: the centre doesn't answer, or the connection was cut.
            CredentialError: the centre wants another credential.
        """
        # Models and settings are looked for side by side, and both write the trusted metadata.
        with self._refusals(), locked(self._metadata_dir, mode=0o700):
            updater = TrustedUpdater(
                self._metadata_dir,
                self._base_url,
                self._fetcher,
                root=self._root,
                reference_time=self._reference_time(),
            )
            updater.refresh()
            path = self._metadata_dir / "trust-marks.json"
            marks = TrustMarks.read(path)
            raised = marks.raised_to(updater)
            if raised != marks:
                raised.write(path)
            self._signed_at = _signed_at(updater)
            yield updater

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except DownloadHTTPError as error:
            raise self._http_refusal(error) from error
        except DownloadLengthMismatchError as error:
            raise UpdateError(str(error), hint=_TAMPERING) from error
        except DownloadError as error:
            raise CentreUnreachableError(
                str(error), hint="The next check tries again and goes on where the download stopped."
            ) from error
        except RepositoryError as error:
            what, hint = next(((what, hint) for kind, what, hint in _REFUSALS if isinstance(error, kind)))
            raise UpdateError(f"{self._base_url}: {what}: {error}", hint=hint) from error
        except OSError as error:
            raise UpdateError(
                f"{error.filename or self._download_dir}: an update can't be stored: {error.strerror}",
                hint="Free room on the disk, and check that the agent's user owns its state and cache directories.",
            ) from error

    def _http_refusal(self, error: DownloadHTTPError) -> CentreError | UpdateError:
        if error.status_code in (401, 403):
            return CredentialError(str(error), hint="Enrol this box again.")
        if error.status_code >= 500 or error.status_code in _PASSING:
            return CentreUnreachableError(str(error), hint="The next check tries again.")
        return UpdateError(
            str(error),
            hint=f"Is {self._base_url} the model repository? See `hydrosight-cloud model list` at the centre.",
        )


def _signed_at(updater: TrustedUpdater) -> datetime | None:
    """When the timestamp was signed; None from a centre that doesn't say, or not in UTC."""
    text = updater.timestamp.unrecognized_fields.get(SIGNED_AT)
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return time if time.tzinfo is not None and time < updater.timestamp.expires else None
