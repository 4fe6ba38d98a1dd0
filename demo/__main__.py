"""`python -m demo`: show the whole way of the data, from a replayed rig to the centre's database, and end."""

import asyncio
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from demo.rig import Script
from demo.screen import Screen
from demo.story import STEPS, Cast, Story
from edge_runtime.errors import HydrosightError
from edge_runtime.machine_file import load_machine
from edge_runtime.recording import read_recording

CONFIGS = Path(__file__).parents[1] / "configs"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def demo(
    speed: Annotated[float, typer.Option(min=1, max=60, help="How many times faster than real the rig runs.")] = 30,
    bundle: Annotated[Path, typer.Option(help="The model to start with.")] = CONFIGS / "models" / "zema-rig",
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder with all logs and data.")] = False,
) -> None:
    """Run rig, box and centre on this machine, with real protocols and a real database, and compare what arrived."""
    machine_file = CONFIGS / "machines" / "zema.yaml"
    recording = CONFIGS / "recordings" / "zema-sample"
    machine = load_machine(machine_file)
    cast = Cast(machine_file, machine, recording, bundle.resolve(), speed)
    screen = Screen(machine, STEPS)
    folder = Path(tempfile.mkdtemp(prefix="hydrosight-demo-"))
    folder.chmod(0o711)  # PostgreSQL's own account passes through, where the demo is run by root
    story = Story(cast, Script(read_recording(recording)), folder, screen)
    try:
        asyncio.run(_until_told_to_stop(story))
    except HydrosightError as error:
        screen.failure(error)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, asyncio.CancelledError):
        shutil.rmtree(folder, ignore_errors=True)
        sys.exit(130)
    if keep:
        screen.note(f"All logs and data are in {folder}.")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    screen.farewell("Done: every window diagnosed on the box, every row in the database once, nothing left running.")


async def _until_told_to_stop(story: Story) -> None:
    """Ctrl-C cancels by itself; SIGTERM and a closed terminal do the same."""
    task = asyncio.ensure_future(story.tell())
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await task


if __name__ == "__main__":
    app()
