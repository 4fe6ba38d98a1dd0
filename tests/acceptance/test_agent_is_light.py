"""The box has no PyTorch: what runs there must never load it, nor anything else that belongs to training."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "torch_geometric", "lightning", "pandas", "pyarrow", "sklearn", "matplotlib", "psycopg", "fastapi"}
OURS_ELSEWHERE = {"gnn", "training", "simulator", "demo", "cloud_sync.cloud"}

EVERY_MODULE = """
import importlib, json, pkgutil, sys
for package in {packages!r}:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, package + "."):
        importlib.import_module(found.name)
print(json.dumps(sorted(sys.modules)))
"""


def loaded_by(*packages: str) -> set[str]:
    """Names of all modules that a fresh Python has loaded after importing every module of the packages."""
    done = subprocess.run(
        [sys.executable, "-c", EVERY_MODULE.format(packages=packages)], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("packages", [("agent",), ("edge_runtime",), ("cloud_sync.edge",)], ids=lambda names: names[0])
def test_the_edge_loads_nothing_that_belongs_elsewhere(packages: tuple[str, ...]):
    loaded = loaded_by(*packages)
    assert set(packages) <= loaded
    assert loaded & (HEAVY | OURS_ELSEWHERE) == set()


def test_the_test_would_notice():
    assert "torch" in loaded_by("gnn")
