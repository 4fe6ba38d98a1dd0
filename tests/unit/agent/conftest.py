"""A model for the tiny machine, and a store."""

import pytest

from agent.store.retention import Retention
from agent.store.store import Store
from tests.models.tiny_bundle import build_tiny_bundle
from tests.tiny_agent import load_diagnoser

FAILED = 20.0


@pytest.fixture(scope="session")
def failed_bundle(tmp_path_factory):
    """A model to which everything has failed."""
    return build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "failed", level_bias=FAILED)


@pytest.fixture(scope="session")
def diagnoser(failed_bundle):
    return load_diagnoser(failed_bundle)


@pytest.fixture
def open_store(tmp_path):
    """Open the store as another run of the agent; one that is open is let go first, as by a kill."""
    runs = []

    def open_store():
        if runs:
            runs[-1].close()
        runs.append(Store.open(tmp_path / "store.db", f"boot-{len(runs)}", retention=Retention(min_free_bytes=0)))
        return runs[-1]

    yield open_store
    if runs:
        runs[-1].close()
