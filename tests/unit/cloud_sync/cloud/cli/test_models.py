"""`hydrosight-cloud model` from keys to roll-back, as an operator types it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloud_sync.cloud.cli.models import app
from edge_runtime.errors import ConfigurationError, UpdateError
from tests.model_bundle import write_bundle

runner = CliRunner()


def run(*arguments: str | Path) -> str:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.fixture
def at(tmp_path: Path) -> tuple[str | Path, ...]:
    """The options that name a fresh repository and its keys."""
    run("keys", "init", "--directory", tmp_path / "keys")
    options = ("--repository", tmp_path / "repository", "--keys", tmp_path / "keys")
    run("init", *options)
    return options


def test_from_keys_to_roll_back(tmp_path: Path, at: tuple[str | Path, ...]) -> None:
    for number in (1, 2):
        bundle = write_bundle(tmp_path / f"bundle-{number}", version=f"1.{number}.0", release=number)
        assert json.loads(run("publish", bundle, *at, "--json"))["release"] == number

    run("roll-back", "rig", "--to", "1.1.0", "--as", "1.2.1", *at)

    listed = json.loads(run("list", *at[:2], "--json"))
    assert [(model["version"], model["release"]) for model in listed["models"]] == [
        ("1.1.0", 1),
        ("1.2.0", 2),
        ("1.2.1", 3),
    ]
    assert set(listed["expires"]) == {"root", "targets", "snapshot", "timestamp"}

    assert json.loads(run("withdraw", "rig", "1.2.0", *at, "--json"))["release"] == 2
    assert [model["version"] for model in json.loads(run("list", *at[:2], "--json"))["models"]] == ["1.1.0", "1.2.1"]


def test_people_see_models_and_expiry(tmp_path: Path, at: tuple[str | Path, ...]) -> None:
    assert "Nothing is published yet" in run("list", *at[:2])
    run("publish", write_bundle(tmp_path / "bundle"), *at)
    shown = run("list", *at[:2])
    assert "rig" in shown
    assert "timestamp signed until" in shown


def test_init_names_the_root_that_boxes_need(tmp_path: Path) -> None:
    run("keys", "init", "--directory", tmp_path / "keys", "--root-keys", 3)
    options = ("--repository", tmp_path / "repository", "--keys", tmp_path / "keys")
    root = Path(json.loads(run("init", *options, "--root-threshold", 2, "--json"))["root"])
    role = json.loads(root.read_bytes())["signed"]["roles"]["root"]
    assert (len(role["keyids"]), role["threshold"]) == (3, 2)


def test_refresh_runs_with_the_online_keys_alone(tmp_path: Path, at: tuple[str | Path, ...]) -> None:
    for key in (tmp_path / "keys" / "offline").iterdir():
        key.unlink()
    assert set(json.loads(run("refresh", *at, "--json"))["expires"]) == {"root", "targets", "snapshot", "timestamp"}
    with pytest.raises(ConfigurationError, match="role root"):
        run("renew", *at)


def test_rotation_prints_the_new_keys(tmp_path: Path, at: tuple[str | Path, ...]) -> None:
    before = {path.name for path in (tmp_path / "keys" / "online").iterdir()}
    (new,) = json.loads(run("rotate", "timestamp", *at, "--json"))["keys"]
    after = {path.name for path in (tmp_path / "keys" / "online").iterdir()}
    assert after - before == {f"timestamp-{new[:16]}.pem"}


@pytest.mark.parametrize("given", ["file", "environment"])
def test_passphrase_comes_from_a_file_or_the_environment(
    tmp_path: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "passphrase").write_text("correct horse\n")
    option = ("--passphrase-file", tmp_path / "passphrase") if given == "file" else ()
    if given == "environment":
        monkeypatch.setenv("HYDROSIGHT_KEY_PASSPHRASE", "correct horse")
    at = ("--repository", tmp_path / "repository", "--keys", tmp_path / "keys")
    run("keys", "init", "--directory", tmp_path / "keys", *option)
    run("init", *at, *option)
    run("renew", *at, *option)
    monkeypatch.delenv("HYDROSIGHT_KEY_PASSPHRASE", raising=False)
    with pytest.raises(ConfigurationError, match="is encrypted"):
        run("renew", *at)


def test_empty_passphrase_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("\n")
    with pytest.raises(ConfigurationError, match="holds no passphrase"):
        run("keys", "init", "--directory", tmp_path / "keys", "--passphrase-file", tmp_path / "passphrase")


def test_release_that_is_taken_is_refused(tmp_path: Path, at: tuple[str | Path, ...]) -> None:
    run("publish", write_bundle(tmp_path / "first"), *at)
    with pytest.raises(UpdateError, match="release 1 of model rig is not above 1"):
        run("publish", write_bundle(tmp_path / "second", version="2.0.0"), *at)
