from pathlib import Path

import numpy as np
import pytest

from edge_runtime.errors import BundleError
from edge_runtime.novelty_file import read_regions, write_regions
from tests.models.tiny_bundle import tiny_machine
from tests.unit.edge_runtime.test_novelty import region, shown


def test_regions_come_back_as_they_were_written(tmp_path: Path):
    write_regions({"pump": region(0.5), "valve": region()}, tmp_path / "novelty.npz")
    found = read_regions(tmp_path / "novelty.npz")
    assert list(found) == ["pump", "valve"]
    assert found["pump"].sensors == ("PS1", "FS1")
    machine, odd = tiny_machine(), shown(110.0, 4.0)
    assert found["pump"].novelty(machine, odd) == region(0.5).novelty(machine, odd)


def test_the_same_regions_give_the_same_bytes(tmp_path: Path):
    for name in ("one", "other"):
        write_regions({"pump": region()}, tmp_path / f"{name}.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"{}"])
def test_what_is_no_such_file_is_refused_with_its_name(tmp_path: Path, content: bytes):
    (tmp_path / "novelty.npz").write_bytes(content)
    with pytest.raises(BundleError, match=r"novelty\.npz: isn't a file of trained regions"):
        read_regions(tmp_path / "novelty.npz")


@pytest.mark.parametrize("field", ["pump/precision", "pump/limits"])
def test_arrays_that_do_not_fit_together_are_refused(tmp_path: Path, field: str):
    write_regions({"pump": region()}, tmp_path / "novelty.npz")
    with np.load(tmp_path / "novelty.npz") as arrays:
        content = {name: arrays[name] for name in arrays}
    for broken in (content[field][:1], np.full_like(content[field], np.nan)):
        np.savez(tmp_path / "novelty.npz", **(content | {field: broken}))
        with pytest.raises(BundleError, match="has shape"):
            read_regions(tmp_path / "novelty.npz")


def test_pickled_objects_are_never_loaded(tmp_path: Path):
    np.savez(tmp_path / "novelty.npz", **{"pump/sensors": np.array([object()])})
    with pytest.raises(BundleError):
        read_regions(tmp_path / "novelty.npz")
