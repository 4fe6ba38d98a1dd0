"""However and whenever the demo is ended, none of the processes that it started is left."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from edge_runtime.machine_file import load_machine
from tests.models.tiny_bundle import build_tiny_bundle

ROOT = Path(__file__).parents[2]
MARK = "HYDROSIGHT_DEMO_UNDER_TEST"
pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    machine = load_machine(ROOT / "configs" / "machines" / "zema.yaml")
    return build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny", name="zema-rig", machine=machine)


@pytest.fixture
def mark() -> Iterator[str]:
    """Put into the demo's environment, which all its children inherit; whoever still has it at the end is killed."""
    mark = uuid.uuid4().hex
    yield mark
    for process in marked(mark):
        process.kill()


def marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def demo_until(text: str, bundle: Path, folder: Path, mark: str) -> subprocess.Popen[bytes]:
    """Start a demo and wait until it has printed `text`."""
    output = folder / "output"
    with output.open("wb") as file:
        demo = subprocess.Popen(
            [sys.executable, "-m", "demo", "--bundle", str(bundle)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
            env={**os.environ, MARK: mark, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    deadline = time.monotonic() + 90
    while text not in output.read_text():
        assert demo.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)
    return demo


@pytest.fixture
def folder() -> Iterator[Path]:
    """The demo's TMPDIR. Not in pytest's own, which is closed to the account that PostgreSQL has under root."""
    with tempfile.TemporaryDirectory(prefix="hydrosight-test-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        pytest.param(signal.SIGINT, "[1/8]", id="Ctrl-C while the database is made"),
        pytest.param(signal.SIGTERM, "[3/8]", id="terminated while the centre starts"),
        pytest.param(signal.SIGINT, "01-01 04:1", id="Ctrl-C while all runs"),
        pytest.param(signal.SIGKILL, "01-01 04:1", id="killed while all runs"),
    ],
)
def test_nothing_is_left(number: signal.Signals, moment: str, bundle: Path, folder: Path, mark: str):
    demo = demo_until(moment, bundle, folder, mark)
    assert marked(mark)
    demo.send_signal(number)
    assert demo.wait(90) == (-signal.SIGKILL if number is signal.SIGKILL else 130)
    deadline = time.monotonic() + 90
    while left := marked(mark):
        assert time.monotonic() < deadline, [process.cmdline() for process in left]
        time.sleep(0.1)
    if number is not signal.SIGKILL:
        assert list(folder.glob("hydrosight-demo-*")) == []
