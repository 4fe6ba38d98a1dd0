"""Where a benchmark's servers keep their data while it runs."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder, gone afterwards, with an empty `postgres/` that PostgreSQL may enter, whose account is another."""
    with tempfile.TemporaryDirectory(prefix="hydrosight-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "postgres").mkdir()
        yield folder
