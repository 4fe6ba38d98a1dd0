"""docs/scale.md shows what benchmarks/fleet_needs.py computes, and the manifests have room for it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from benchmarks.fleet_needs import BESIDE_THE_POOL, FLEETS, HERTZ, NATIVE, POOL_SIZE, BoxCost, needs, table
from cloud_sync.cloud.inspection import server
from cloud_sync.cloud.settings import CloudSettings

ROOT = Path(__file__).parents[3]
MANUAL = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
SCALING = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "centre-scaling.yaml").read_text())["spec"]


@pytest.mark.parametrize("box", [NATIVE, HERTZ], ids=lambda box: box.title)
def test_the_manual_has_the_computed_table_and_what_it_rests_on(box: BoxCost) -> None:
    assert table(box) in MANUAL
    row = re.search(rf"^\| {box.title}[^|]* \| ([\d,.| ]+) \|$", MANUAL, re.MULTILINE)
    assert row is not None
    sizes = (size / 1000 for size in (box.wire_bytes, box.wal_bytes, box.disk_bytes))
    measured = (box.samples, box.server_ms, box.database_ms, *sizes)
    assert [float(cell.replace(",", "")) for cell in row[1].split("|")] == pytest.approx(measured)


def test_what_is_assumed_of_the_program_holds() -> None:
    assert CloudSettings.model_fields["pool_size"].default == POOL_SIZE
    assert server._BESIDE_THE_POOL == BESIDE_THE_POOL


def test_needs_grow_with_the_fleet_and_the_cost_of_a_box() -> None:
    small, large = needs(NATIVE, 100), needs(NATIVE, 10_000)
    assert large.requests_a_second == pytest.approx(100 * small.requests_a_second)
    assert large.year_gb == pytest.approx(100 * small.year_gb)
    assert needs(replace(NATIVE, server_ms=5 * NATIVE.server_ms), 10_000).replicas > large.replicas
    assert needs(NATIVE, 1).replicas == 2, "one may always be away"


def test_the_manifests_have_room_for_the_largest_fleet() -> None:
    largest = max(needs(box, FLEETS[-1]).replicas for box in (NATIVE, HERTZ))
    assert SCALING["minReplicas"] == needs(HERTZ, FLEETS[0]).replicas
    assert SCALING["maxReplicas"] >= largest
    assert SCALING["maxReplicas"] * (POOL_SIZE + BESIDE_THE_POOL) < 150, "docs/scale.md says that many connections"
