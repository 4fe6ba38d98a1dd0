"""The agent's store, as the commands read it while the agent runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.settings import load_settings
from agent.store.reader import StoreReader
from edge_runtime.errors import StoreError


@contextmanager
def open_store(config: Path) -> Iterator[StoreReader]:
    """The store that the settings name, read-only.

    Raises:
        ConfigurationError: the settings are wrong.
        StoreError: there is no store yet, or it can't be read.
    """
    settings = load_settings(config)
    file = settings.store_file
    if not file.exists():
        raise StoreError(f"{file}: no store yet", hint=f"Start the agent first: hydrosight run --config {config}")
    store = StoreReader.open_read_only(file, retention=settings.store.retention)
    try:
        yield store
    finally:
        store.close()
