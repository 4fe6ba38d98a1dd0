"""Which code models are made by: what other code left behind is not taken for its own."""

import hashlib
from functools import cache
from pathlib import Path

import gnn
import training


@cache
def code_key() -> str:
    """SHA-256 of the code of models and simple models, as hexadecimal digits."""
    digest = hashlib.sha256()
    own = Path(training.__path__[0])
    for file in sorted([*Path(gnn.__path__[0]).glob("*.py"), *own.glob("*.py"), *(own / "baselines").glob("*.py")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()
