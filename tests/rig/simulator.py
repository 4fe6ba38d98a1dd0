"""The machine: `hydrosight-sim serve`, replaying a recording over real Modbus TCP and MQTT."""

import json
from pathlib import Path

from demo.process import free_port
from tests.rig.program import Program
from tests.rig.recordings import MACHINE
from tests.rig.until import until


class Simulator:
    """A simulated rig on a Modbus port of its own, which it keeps."""

    def __init__(self, folder: Path, broker_port: int) -> None:
        self.modbus_port = free_port()
        self._folder = folder
        self._broker_port = broker_port
        self._program: Program | None = None
        self._runs = 0

    def start(self, recording: Path, *, speed: float = 60, once: bool = True) -> None:
        """Begin to replay."""
        self._runs += 1
        self._program = Program(
            "simulator.cli",
            [
                *("serve", "--machine", MACHINE, "--recording", recording, "--speed", str(speed), "--json"),
                *("--modbus", f"127.0.0.1:{self.modbus_port}", "--mqtt", f"127.0.0.1:{self._broker_port}"),
                "--once" if once else "--loop",
            ],
            self._folder / f"simulator-{self._runs}.log",
        )
        program = self._program
        program.start()
        until(lambda: _announced(program) or not program.running, "the simulator serves")
        assert _announced(program), "\n".join(program.lines)

    @property
    def running(self) -> bool:
        """Whether it still replays."""
        return self._program is not None and self._program.running

    def finish(self, timeout_s: float = 120) -> None:
        """Wait for the recording's end."""
        assert self._program is not None
        assert self._program.wait(timeout_s) == 0, "\n".join(self._program.lines)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._program is not None:
            self._program.kill()


def _announced(program: Program) -> bool:
    return any(line.startswith("{") and "modbus" in json.loads(line) for line in program.lines)
