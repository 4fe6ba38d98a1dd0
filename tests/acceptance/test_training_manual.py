"""Every command by which docs/training.md takes a newcomer from CSV files to a box, run in its order as it stands."""

import importlib
import importlib.metadata
import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_runtime.bundle import open_bundle

ROOT = Path(__file__).parents[2]
SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """What the manual's first chapter has in its shell blocks."""
    manual = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    _, chapter, *_ = re.split(r"^## ", manual, flags=re.MULTILINE)
    return [shlex.split(line) for block in SHELL_BLOCK.findall(chapter) for line in block.splitlines()]


def run(words: list[str]) -> str:
    program, *arguments = words
    (script,) = importlib.metadata.entry_points(group="console_scripts", name=program)
    result = CliRunner().invoke(importlib.import_module(script.module).app, arguments)
    assert result.exit_code == 0, f"{shlex.join(words)}: {result.exception}\n{result.output}"
    return result.output


@pytest.mark.slow
def test_the_way_from_csv_files_to_a_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copytree(ROOT / "docs" / "example", tmp_path / "docs" / "example")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said = {" ".join(words[:2]): run(words) for words in commands()}

    assert "0 errors, 0 warnings" in said["hydrosight-train check"]
    assert set(said) >= {"hydrosight-train fit", "hydrosight-train protocol", "hydrosight-train evaluate"}
    assert "press" in said["hydrosight model"]
    assert open_bundle(tmp_path / "runs" / "press" / "bundle").manifest.training.windows == 24
    assert list((tmp_path / "cache" / "hydrosight" / "graphs").iterdir())
