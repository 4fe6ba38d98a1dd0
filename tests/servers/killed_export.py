"""An export by a process that is killed in the middle of it."""

import os
import signal
from pathlib import Path

from cloud_sync.cloud.export.recording import Reached, export_machine
from cloud_sync.cloud.export.stored_windows import WindowSpan
from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.cloud.store.snapshot import snapshot


def export_until_killed(database_url: str, folder: Path, machine: str, readings: int) -> None:
    """Export all windows of a machine into `folder`; SIGKILL once more than so many readings are written."""

    def kill_in_the_middle(reached: Reached) -> None:
        if reached.readings > readings:
            os.kill(os.getpid(), signal.SIGKILL)

    with snapshot(CloudSettings(database_url=database_url)) as connection:
        export_machine(connection, WindowSpan(machine), folder, kill_in_the_middle, samples_at_once=readings // 2)
