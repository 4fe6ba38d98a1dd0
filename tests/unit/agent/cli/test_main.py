import importlib.metadata

import pytest

from tests.unit.agent.cli.conftest import failed

COMMANDS = [
    ("run",),
    ("status",),
    ("diagnose",),
    ("readings",),
    ("alerts",),
    ("buffer",),
    ("buffer", "gaps"),
    ("enrol",),
    ("model", "show"),
    ("model", "roll-back"),
    ("model", "confirm"),
    ("model", "install", "bundle"),
]


def test_the_version_is_that_of_the_package(box):
    result = box.run("--version")
    assert result.exit_code == 0
    assert result.stdout.strip() == f"hydrosight {importlib.metadata.version('hydrosight')}"


def test_without_a_command_it_shows_all_of_them(box):
    result = box.run()
    for command in {command for command, *_ in COMMANDS} | {"doctor"}:
        assert command in result.output


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_without_settings_every_command_says_which_file_is_missing(box, command):
    box.config.unlink()
    message = failed(box.run(*command), 2)
    assert f"{box.config}: no such file" in message
    assert "--config" in message


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_wrong_settings_are_named_by_line(box, command):
    box.config.write_text(box.config.read_text() + "modle: {}\n")
    lines = len(box.config.read_text().splitlines())
    message = failed(box.run(*command), 2)
    assert f"{box.config}:{lines}: modle: there is no such key, did you mean model" in message


@pytest.mark.parametrize("command", ["diagnose", "readings", "alerts", "buffer"])
def test_before_the_agent_has_run_there_is_no_store_to_show(box, command):
    message = failed(box.run(command), 1)
    assert "store.db: no store yet" in message
    assert f"hydrosight run --config {box.config}" in message


@pytest.mark.parametrize("command", ["diagnose", "readings", "alerts", "buffer"])
def test_a_file_that_is_no_store_is_said_to_be_damaged(box, command):
    (box.folder / "data").mkdir()
    (box.folder / "data" / "store.db").write_bytes(b"no database" * 1000)
    assert "store.db" in failed(box.run(command), 1)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_unknown_option_is_wrong_usage(box, command):
    assert box.run(*command, "--nonsense").exit_code == 2
