"""SQL lives in `sql/*.sql`; this reads it.

A query file is a sequence of blocks, each `-- name: some_name`, then comments that explain it, then one statement.
Those of `sql/migrations/` are numbered and hold no names.
"""

import re
from collections.abc import Mapping
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def read_sql(file: str) -> bytes:
    """The whole text of one file of `sql/`."""
    return files("cloud_sync.cloud").joinpath("sql", file).read_bytes()


def load_queries(file: str) -> Mapping[str, bytes]:
    """The named queries of one file of `sql/`, comments left out.

    Raises:
        ValueError: a name occurs twice, or there is text before the first name.
    """
    before, *parts = _NAME.split(read_sql(file).decode())
    if before.strip():
        raise ValueError(f"{file}: text before the first name")
    queries: dict[str, bytes] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        if name in queries:
            raise ValueError(f"{file}: {name} occurs twice")
        lines = [line.split("  -- ")[0] for line in body.splitlines() if not line.startswith("--")]
        queries[name] = "\n".join(lines).strip().encode()
    return queries
