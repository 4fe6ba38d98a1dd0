"""Every command of every program teaches by an example that its own parser takes, and speaks JSON to scripts."""

import re
import shlex

import pytest

from tests.command_tree import commands, program

PROGRAMS = ("hydrosight", "hydrosight-cloud", "hydrosight-train", "hydrosight-sim")
NO_RESULT = {
    "hydrosight run": "a daemon, whose log is JSON",
    "hydrosight sync dead-letters show": "prints nothing but JSON",
    "hydrosight-sim config": "prints the settings file",
}
"""Commands that print no result to choose the form of, and why."""


COMMANDS = {path: command for name in PROGRAMS for path, command in commands(program(name), name)}


@pytest.fixture(autouse=True)
def no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """An option that the environment gives isn't missed in an example."""
    for name in ("HYDROSIGHT_CONFIG", "HYDROSIGHT_KEYS", "HYDROSIGHT_TUF_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("path", COMMANDS)
def test_its_help_has_an_example_that_its_own_parser_takes(path: str) -> None:
    found = re.search(r"Example: `([^`]+)`", " ".join((COMMANDS[path].help or "").split()))
    assert found, f"{path}: no example"
    words = shlex.split(found[1])
    assert words[: len(path.split())] == path.split()
    COMMANDS[path].make_context(path, words[len(path.split()) :])


@pytest.mark.parametrize("path", COMMANDS)
def test_it_prints_json_if_it_has_a_result(path: str) -> None:
    options = {option for parameter in COMMANDS[path].params for option in parameter.opts}
    assert ("--json" in options) is (path not in NO_RESULT)


def test_an_example_with_an_option_that_is_gone_is_noticed() -> None:
    with pytest.raises(Exception, match="No such option: --nonsense"):
        COMMANDS["hydrosight-cloud db check"].make_context("check", ["--nonsense"])


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_says_what_its_exit_codes_mean(name: str) -> None:
    assert "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration." in (program(name).epilog or "")
