"""Benchmarks are run by hand. Here: each is a program that still starts and, where it takes options, says which."""

import importlib
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("bench_*.py"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_benchmark_starts(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    program = importlib.import_module(f"benchmarks.{name}")
    assert callable(program.main)
    if "argparse" not in vars(program):
        return
    monkeypatch.setattr(sys, "argv", [name, "--help"])

    with pytest.raises(SystemExit) as ended:
        program.main()

    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out
