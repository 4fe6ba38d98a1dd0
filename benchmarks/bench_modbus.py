"""Polling Modbus devices, beside a plain pymodbus loop that asks for one register after the other.

Two loads of 17 float32 registers a device: one device at 100 Hz, and 20 devices at 10 Hz. The devices are TCP servers
in another process. Both ways run on one core and turn what they read into readings that are handed on. A poll counts
as missed when it wasn't done by the time the next one was due. The columns are medians of the rounds.

    python benchmarks/bench_modbus.py [--seconds 5] [--rounds 5]
"""

import argparse
import asyncio
import os
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pymodbus.client import AsyncModbusTcpClient
from rich.console import Console
from rich.table import Table

from agent.intake import Intake
from agent.sources.modbus.settings import ModbusSettings
from agent.sources.modbus.source import ModbusSource
from agent.sources.poll_schedule import PollSchedule
from edge_runtime.cancellation import check_cancelled
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading

POINTS = 17
WARM_UP_S = 0.5


@dataclass(frozen=True)
class Load:
    """So many devices, polled so often."""

    devices: int
    period_s: float

    def __str__(self) -> str:
        return f"{self.devices} × {POINTS} points at {1 / self.period_s:g} Hz"


@dataclass(frozen=True)
class Cost:
    """What a way of polling did in a time. `polls` is how many were due."""

    polls: float
    points: int
    seconds: float
    cpu_seconds: float

    @property
    def missed(self) -> float:
        """Polls that were due and not done whole."""
        return max(0.0, self.polls - self.points / POINTS)

    @property
    def cpu_us(self) -> float:
        """CPU of one point, microseconds."""
        return 1e6 * self.cpu_seconds / max(self.points, 1)


LOADS = (Load(1, 0.01), Load(20, 0.1))


async def with_source(load: Load, ports: list[int], seconds: float) -> Cost:
    """Hydrosight's sources, into the intake, which is emptied once a second."""
    intake = Intake()
    sources = [ModbusSource(settings_of(port, load.period_s), now_us=now_us) for port in ports]
    tasks = [asyncio.create_task(source.run(intake.deliver, print)) for source in sources]
    return await measured(load, seconds, tasks, lambda: len(intake.take().unsecured))


async def with_plain_loop(load: Load, ports: list[int], seconds: float) -> Cost:
    """One request a register, with pymodbus as its examples show it."""
    intake = Intake()
    tasks = [asyncio.create_task(poll_plainly(port, load.period_s, intake)) for port in ports]
    return await measured(load, seconds, tasks, lambda: len(intake.take().unsecured))


async def poll_plainly(port: int, period_s: float, intake: Intake) -> None:
    """Poll one device for ever."""
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    loop = asyncio.get_running_loop()
    schedule = PollSchedule(period_s, loop.time())
    try:
        while True:
            await asyncio.sleep(max(0.0, schedule.due_s - loop.time()))
            for k in range(POINTS):
                answer = await client.read_holding_registers(2 * k, count=2, device_id=1)
                value = client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32)
                received_us = now_us()
                intake.deliver([Reading(f"S{port}-{k}", value, Quality.GOOD, received_us, received_us)])
            schedule.polled(loop.time())
            check_cancelled()
    finally:
        client.close()


WAYS: dict[str, Callable[[Load, list[int], float], Awaitable[Cost]]] = {
    "Hydrosight": with_source,
    "a request a register": with_plain_loop,
}


async def measured(load: Load, seconds: float, tasks: list[asyncio.Task[None]], taken: Callable[[], int]) -> Cost:
    """Let the tasks run warm, then count for so many seconds."""
    await asyncio.sleep(WARM_UP_S)
    taken()
    points = 0
    start, cpu = time.perf_counter(), time.process_time()
    while (passed := time.perf_counter() - start) < seconds:
        await asyncio.sleep(min(1.0, seconds - passed))
        points += taken()
    cost = Cost(load.devices * passed / load.period_s, points, passed, time.process_time() - cpu)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return cost


def settings_of(port: int, period_s: float) -> ModbusSettings:
    """A device with 17 registers in a row."""
    registers = [{"sensor": f"S{port}-{k}", "address": 2 * k} for k in range(POINTS)]
    return ModbusSettings.model_validate(
        {
            "name": f"d{port}",
            "transport": {"type": "tcp", "host": "127.0.0.1", "port": port},
            "groups": [{"period_s": period_s, "registers": registers}],
        }
    )


class Device(asyncio.Protocol):
    """Answers reads of holding registers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Requests have come: they are small, and come whole."""
        for start in range(0, len(data), 12):
            transaction, _, _, unit, function, address, count = struct.unpack_from(">HHHBBHH", data, start)
            content = struct.pack(f">{count}H", *(16_000 + address + k for k in range(count)))
            header = struct.pack(">HHHBBB", transaction, 0, 3 + len(content), unit, function, len(content))
            self._transport.write(header + content)


async def serve(devices: int) -> None:
    """Be so many devices; says their ports in one line."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Device, "127.0.0.1", 0) for _ in range(devices)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.Event().wait()


@contextmanager
def devices(count: int) -> Iterator[list[int]]:
    """The ports of so many devices in a process of their own. Meanwhile this process has one core."""
    cores = os.sched_getaffinity(0)
    process = subprocess.Popen([sys.executable, __file__, "--serve", str(count)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ports = [int(port) for port in process.stdout.readline().split()]
        os.sched_setaffinity(0, {max(cores)})
        yield ports
    finally:
        os.sched_setaffinity(0, cores)
        process.kill()
        process.wait()


def now_us() -> int:
    """The box's time."""
    return time.time_ns() // 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve))
        return
    table = Table(title=f"Modbus TCP, one core, medians of {arguments.rounds} rounds of {arguments.seconds:g} s")
    for title in ("load", "way"):
        table.add_column(title)
    for title in ("points/s", "missed polls", "CPU µs/point", "a core"):
        table.add_column(title, justify="right")
    for load in LOADS:
        with devices(load.devices) as ports:
            costs: dict[str, list[Cost]] = {name: [] for name in WAYS}
            for _ in range(arguments.rounds):
                for name, way in WAYS.items():
                    costs[name].append(asyncio.run(way(load, ports, arguments.seconds)))
        for name, rounds in costs.items():
            table.add_row(
                str(load),
                name,
                f"{statistics.median(cost.points / cost.seconds for cost in rounds):,.0f}",
                f"{statistics.median(cost.missed / cost.polls for cost in rounds):.1%}",
                f"{statistics.median(cost.cpu_us for cost in rounds):.1f}",
                f"{statistics.median(cost.cpu_seconds / cost.seconds for cost in rounds):.1%}",
            )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
