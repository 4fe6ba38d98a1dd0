"""What the whole agent costs in steady state: `hydrosight run` on one core, at the rig's native rates.

Modbus TCP and MQTT come from a simulated rig in another process (7 sensors at 100 Hz, 2 at 10 Hz, 8 at 1 Hz), the
model is the one that is shipped. CPU, memory and wake-ups are the kernel's own figures for the agent's process. A
poll wakes the agent twice, to ask and to hear the answer, a message once; what is beyond that is the agent's own.

    python benchmarks/bench_agent.py [--seconds 60]     length of each of the five spells
"""

import argparse
import os
import statistics
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic, sleep

import yaml
from rich.console import Console
from rich.table import Table

from edge_runtime.machine_file import load_machine
from simulator.agent_config import Locations, agent_config
from simulator.endpoint import Endpoint
from tests.rig.agent import Agent
from tests.rig.recordings import FULL_RATE, MACHINE, REPOSITORY
from tests.rig.rig import Rig
from tests.rig.until import until

SPELLS = 5
CORE = 0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """The kernel's counters of a process, and the agent's count of readings, at one moment."""

    at_s: float
    cpu_s: float
    wake_ups: int
    resident_mb: float
    written_mb: float
    readings: int


@dataclass(frozen=True)
class Spell:
    """What a stretch of time cost."""

    cpu_percent: float
    wake_ups: float
    resident_mb: float
    written_mb_per_day: float
    readings: float


def usage(agent: Agent) -> Usage:
    """Read the counters of all threads."""
    process = Path("/proc") / str(agent.program.pid)
    threads = [_numbers(task / "status") for task in (process / "task").iterdir()]
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return Usage(
        monotonic(),
        (int(fields[11]) + int(fields[12])) / TICKS_PER_S,
        sum(thread["voluntary_ctxt_switches"] for thread in threads),
        _numbers(process / "status")["VmRSS"] / 1e3,
        _numbers(process / "io")["write_bytes"] / 1e6,
        agent.status()["readings"],
    )


def spell(before: Usage, after: Usage) -> Spell:
    """Rates between two moments."""
    seconds = after.at_s - before.at_s
    return Spell(
        100 * (after.cpu_s - before.cpu_s) / seconds,
        (after.wake_ups - before.wake_ups) / seconds,
        after.resident_mb,
        (after.written_mb - before.written_mb) / seconds * 86_400,
        (after.readings - before.readings) / seconds,
    )


def measure(folder: Path, seconds: float) -> tuple[list[Spell], float]:
    """Five spells after the first window has been diagnosed, and the polls and messages a second beneath them."""
    machine = load_machine(MACHINE)
    with Rig(folder) as rig:
        agent = rig.agent()
        locations = Locations(str(MACHINE), str(REPOSITORY / "configs" / "models" / "zema-rig"), str(agent.data))
        modbus, mqtt = (Endpoint("127.0.0.1", port) for port in (rig.simulator.modbus_port, rig.broker.port))
        agent.settings = yaml.safe_load(agent_config(machine, modbus, mqtt, locations, speed=1)) | {
            "health": {"port": 0}
        }
        agent.start()
        for task in Path(f"/proc/{agent.program.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {CORE})
        rig.simulator.start(FULL_RATE, speed=1, once=False)
        until(lambda: agent.status()["windows"] > 0, "the first window", timeout_s=180)
        moments = [usage(agent)]
        for _ in range(SPELLS):
            sleep(seconds)
            moments.append(usage(agent))
        polls = sum(1 / group["period_s"] for group in agent.settings["sources"]["modbus"][0]["groups"])
        subscribed = {topic["sensor"] for topic in agent.settings["sources"]["mqtt"][0]["topics"]}
        messages = sum(sensor.rate_hz for sensor in machine.sensors if sensor.name in subscribed)
        assert agent.stop() == 0
    return [spell(*pair) for pair in pairwise(moments)], 2 * polls + messages


def _numbers(file: Path) -> dict[str, int]:
    """The integers of a file of `name: number` lines."""
    pairs = (line.partition(":") for line in file.read_text().splitlines())
    return {name: int(rest.split()[0]) for name, _, rest in pairs if rest.split() and rest.split()[0].isdigit()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        spells, unavoidable = measure(Path(folder) / "rig", seconds)
    rows = [
        ("readings stored", "1/s", [one.readings for one in spells]),
        ("CPU", "% of a core", [one.cpu_percent for one in spells]),
        ("resident", "MB", [one.resident_mb for one in spells]),
        ("written to disk", "MB/day", [one.written_mb_per_day for one in spells]),
        ("wake-ups", "1/s", [one.wake_ups for one in spells]),
        ("  beyond polls and messages", "1/s", [one.wake_ups - unavoidable for one in spells]),
    ]
    table = Table(title=f"The agent in steady state, {SPELLS} spells of {seconds:.0f} s")
    for column in ("", "unit", "median", "least", "most"):
        table.add_column(column, justify="left" if column in {"", "unit"} else "right")
    for name, unit, values in rows:
        table.add_row(name, unit, *(f"{figure(values):,.1f}" for figure in (statistics.median, min, max)))
    Console().print(table)


if __name__ == "__main__":
    main()
