"""`hydrosight-cloud` in a process of its own."""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TextIO

from cloud_sync.cloud.cli.main import main
from tests.forked import exit_code, pipe, start

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Running:
    """A command that was started, and what it says."""

    process: BaseProcess
    stdout: TextIO


def start_command(*arguments: str, stderr: Path, **variables: str) -> Running:
    """Start it with these arguments and environment variables; what it says to stderr is added to that file."""
    ours, theirs = pipe()
    with ours, theirs:
        process = start(_run, arguments, os.environ | variables, theirs, stderr, daemon=True)
        return Running(process, os.fdopen(os.dup(ours.fileno())))


def run_command(database_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it on this database with these arguments, to its end."""
    with tempfile.NamedTemporaryFile("r") as stderr:
        running = start_command(
            *arguments, stderr=Path(stderr.name), HYDROSIGHT_DATABASE_URL=database_url, COLUMNS="200"
        )
        with running.stdout as stdout:
            said = stdout.read()
        return subprocess.CompletedProcess(arguments, exit_code(running.process), said, stderr.read())


def _run(arguments: tuple[str, ...], environment: Mapping[str, str], stdout: Connection, stderr: Path) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # the process that forked this one ends with pytest
    multiprocessing.current_process().daemon = False  # a daemon may not have children
    os.environ.clear()
    os.environ.update(environment)
    with stdout, stderr.open("ab") as file:
        os.dup2(stdout.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    sys.argv = ["hydrosight-cloud", *arguments]
    main()
