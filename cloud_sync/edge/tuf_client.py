"""The TUF updater as a box needs it: on the box's own trusted time, and safe against a power cut.

The only place that reaches into python-tuf's private parts; tests/unit/cloud_sync/test_tuf_client.py holds it against
the installed version.
"""

from datetime import datetime
from pathlib import Path

from tuf.api.metadata import Root, Snapshot, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater

from edge_runtime.durable import replace_file


class TrustedUpdater(Updater):
    """An updater that starts from the embedded root and judges expiry by `reference_time`.

    python-tuf takes the system's clock, which on a box without a battery-backed one may say 1970: every expiry would
    pass. `reference_time` (UTC) is never behind a floor that the box has seen for certain.
    """

    def __init__(
        self, metadata_dir: Path, base_url: str, fetcher: FetcherInterface, *, root: bytes, reference_time: datetime
    ) -> None:
        super().__init__(
            str(metadata_dir),
            f"{base_url}/metadata/",
            target_base_url=f"{base_url}/targets/",
            fetcher=fetcher,
            bootstrap=root,
        )
        self._trusted_set.reference_time = reference_time

    @property
    def root(self) -> Root:
        """The newest root that is trusted."""
        return self._trusted_set.root

    @property
    def timestamp(self) -> Timestamp:
        """The verified timestamp, after `refresh`."""
        return self._trusted_set.timestamp

    @property
    def snapshot(self) -> Snapshot:
        """The verified snapshot, after `refresh`."""
        return self._trusted_set.snapshot

    @property
    def targets(self) -> Targets:
        """The verified list of targets, after `refresh`."""
        return self._trusted_set.targets

    def _persist_file(self, filename: str, data: bytes) -> None:
        """Write trusted metadata so that a power cut can't take it; python-tuf doesn't sync."""
        replace_file(Path(filename), data)
