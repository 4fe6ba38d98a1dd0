"""`hydrosight-cloud settings` from publish to roll-back, as an operator types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_sync.cloud.cli.main import app
from edge_runtime.errors import ConfigurationError, UpdateError

runner = CliRunner()


def run(*arguments: str | Path) -> str:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def at(tmp_path: Path) -> tuple[str | Path, ...]:
    """The options that name a fresh repository and its keys."""
    run("model", "keys", "init", "--directory", tmp_path / "keys")
    options = ("--repository", tmp_path / "repository", "--keys", tmp_path / "keys")
    run("model", "init", *options)
    return options


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "document.yaml"
    file.write_text("alerts: {raise_after: 7}\n")
    return file


def test_from_publish_to_roll_back(document: Path, at: tuple[str | Path, ...]) -> None:
    assert "Nothing is published yet" in run("settings", "list", *at[:2])
    assert "version 1 for press-1" in run("settings", "publish", document, "--machine", "press-1", *at)
    given = ("--version", "5", "--json")
    assert json.loads(run("settings", "publish", document, "--machine", "press-1", *at, *given))["version"] == 5
    assert "version 6" in run("settings", "roll-back", "--machine", "press-1", "--to", "1", *at)
    listed = json.loads(run("settings", "list", *at[:2], "--json"))
    assert [(one["addressee"], one["version"]) for one in listed] == [("press-1", n) for n in (1, 5, 6)]
    assert [line.split()[1] for line in run("settings", "list", *at[:2]).splitlines() if "6" in line] == ["6"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--machine", "a/b"), "no name of a machine"),
        (("--machine", "press-1", "--version", "newest"), "is no version"),
        (("--machine", "press-1", "--version", "0"), "is no version"),
    ],
)
def test_a_wrong_option_is_said(
    document: Path, at: tuple[str | Path, ...], options: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        run("settings", "publish", document, *options, *at)


def test_a_missing_file_and_a_lower_version_are_said(document: Path, at: tuple[str | Path, ...]) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        run("settings", "publish", document.with_name("none"), "--machine", "press-1", *at)
    run("settings", "publish", document, "--machine", "press-1", *at)
    with pytest.raises(UpdateError, match="not above 1"):
        run("settings", "publish", document, "--machine", "press-1", "--version", "1", *at)
