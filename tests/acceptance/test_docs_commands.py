"""Every command that the documents name is one that exists, with these subcommands and options."""

import importlib
import importlib.metadata
import importlib.util
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "systemd/**/*.md", "benchmarks/**/*.md", "configs/**/*.md")
    for path in ROOT.glob(pattern)
)
SHELL_BLOCK = re.compile(r"^ *```(?:sh|bash|shell|console)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^(?: {4,}|\t)(.+)$", re.MULTILINE)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
BEFORE_THE_PROGRAM = re.compile(r"^(?:sudo(?: -u \S+)? )?(?:[A-Z][A-Z0-9_]*=\S* )*")
OURS = {"hydrosight", "hydrosight-cloud", "hydrosight-train", "hydrosight-sim"}

# Programs of others: what they take is for their own documents.
FOREIGN = {"apt-get", "cd", "chown", "curl", "export", "git", "install", "journalctl", "mosquitto_sub", "openssl",
           "pg_basebackup", "pip", "psql", "systemctl", "systemd-analyze", "tensorboard", "useradd"}  # fmt: skip


def shell_lines(text: str) -> list[str]:
    """The command lines of a document's shell blocks, continuation lines joined, comments left out."""
    blocks = (block.replace("\\\n", " ") for block in SHELL_BLOCK.findall(text))
    lines = (line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def mentions(text: str) -> list[str]:
    """Commands of ours in indented blocks and in the running text."""
    prose = SHELL_BLOCK.sub("", text).replace("\\\n", " ")
    found = [line.strip().removeprefix("$ ") for line in (*INDENTED.findall(prose), *INLINE.findall(prose))]
    return [line for line in found if BEFORE_THE_PROGRAM.sub("", line).split(" ")[0] in OURS | {"make"}]


def programs(line: str) -> list[list[str]]:
    """What a line runs: the words of each part between pipes, `&&` and `;`, up to a redirection."""
    parts = re.split(r"\s(?:\|\||\||&&|;)\s", line)
    return [
        shlex.split(re.split(r"\s(?:\d?>|<)", BEFORE_THE_PROGRAM.sub("", part.strip()))[0], comments=True)
        for part in parts
    ]


def check(words: list[str]) -> None:
    """Fail unless this is a command of ours that takes these arguments, or one of another's that we know of."""
    program, *arguments = words
    if program in OURS:
        (script,) = importlib.metadata.entry_points(group="console_scripts", name=program)
        # --help comes last and is answered first, after all subcommands and options before it were looked up.
        result = CliRunner().invoke(importlib.import_module(script.module).app, [*arguments, "--help"])
        assert result.exit_code == 0, result.output
    elif program == "make":
        done = subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    elif program in {"python", "python3"} and arguments[0] == "-m":
        assert importlib.util.find_spec(arguments[1]) is not None, arguments[1]
    elif "/" in program or program in {"bash", "python", "python3"}:
        script_file = ROOT / (program if "/" in program else arguments[0])
        assert script_file.is_file(), script_file
    else:
        assert program in FOREIGN, f"{program}: is this a command that the reader will have?"


SHOWN = [(document, line) for document in DOCUMENTS for line in shell_lines(document.read_text(encoding="utf-8"))]
MENTIONED = sorted({line for document in DOCUMENTS for line in mentions(document.read_text(encoding="utf-8"))})


@pytest.mark.parametrize(
    ("document", "line"), SHOWN, ids=[f"{document.relative_to(ROOT)}: {line}" for document, line in SHOWN]
)
def test_every_command_shown_can_be_run(document: Path, line: str):
    for words in programs(line):
        check(words)


@pytest.mark.parametrize("line", MENTIONED)
def test_every_command_mentioned_exists(line: str):
    check(programs(line)[0])


def test_the_readme_shows_both_commands():
    assert {"make demo", "make test"} <= set(shell_lines((ROOT / "README.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize("line", ["hydrosight nonsense", "hydrosight run --nonsense", "make nonsense", "nonsense"])
def test_a_command_that_is_not_there_is_noticed(line: str):
    with pytest.raises(AssertionError):
        check(shlex.split(line))


def test_a_line_is_taken_apart_at_pipes_and_redirections():
    line = "sudo -u hydrosight A=1 hydrosight alerts --json 2>/dev/null | mosquitto_sub -t 'x y' && make test"
    assert programs(line) == [["hydrosight", "alerts", "--json"], ["mosquitto_sub", "-t", "x y"], ["make", "test"]]
