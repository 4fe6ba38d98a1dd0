"""`hydrosight modbus scan` and `read` against a device on the wire."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import Result
from typer.testing import CliRunner

from agent.cli.main import app
from tests.servers.modbus_wire import WireDevice


@contextmanager
def served(device: WireDevice) -> Iterator[int]:
    """The port of the device, which answers in a thread of its own."""
    loop = asyncio.new_event_loop()
    started: list[int] = []
    ready, end = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with device.over_tcp() as port:
            started.append(port)
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    ready.wait()
    try:
        yield started[0]
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    device = WireDevice()
    device.put_floats(3, "holding", 0, 151.5, 44.25)
    device.put(3, "holding", 20, *range(5))
    device.put(3, "coil", 4, 1, 0, 1)
    device.silent = {1, 2}
    with served(device) as port:
        yield port


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["modbus", *map(str, arguments)])


def test_a_scan_finds_units_and_the_addresses_that_they_have(port: int) -> None:
    result = run("scan", f"127.0.0.1:{port}", "--unit", "2-3", "--to", 40, "--timeout", 0.2, "--json")
    assert result.exit_code == 0
    (unit,) = json.loads(result.stdout)["units"]
    assert unit == {"unit": 3, "ranges": [{"from": 0, "to": 3}, {"from": 20, "to": 24}]}


def test_a_scan_prints_a_table(port: int) -> None:
    result = run("scan", f"127.0.0.1:{port}", "--unit", 3, "--kind", "coil", "--to", 10)
    assert "coil addresses" in result.stdout
    assert "4 – 6" in result.stdout


def test_a_scan_that_finds_nothing_ends_with_1(port: int) -> None:
    result = run("scan", f"127.0.0.1:{port}", "--unit", 1, "--timeout", 0.1)
    assert result.exit_code == 1
    assert "no unit of 1 answers" in result.stderr
    assert "--unit 1-247" in result.stderr


def test_without_a_type_a_number_is_shown_in_every_type_and_order(port: int) -> None:
    result = run("read", f"127.0.0.1:{port}", "--unit", 3, "--address", 0, "--json")
    numbers = {(item["type"], item["byte_order"]): item["value"] for item in json.loads(result.stdout)}
    assert len(numbers) == 8 * 4
    assert numbers["float32", "ABCD"] == 151.5
    assert numbers["uint16", "ABCD"] == 0x4317
    assert numbers["uint16", "DCBA"] == 0x1743
    table = run("read", f"127.0.0.1:{port}", "--unit", 3, "--address", 0).stdout
    assert "holding 0: 4317 8000 4231 0000" in table
    assert "151.5" in table


def test_types_that_reach_beyond_what_there_is_are_left_out(port: int) -> None:
    result = run("read", f"127.0.0.1:{port}", "--unit", 3, "--address", 24, "--json")
    assert {item["type"] for item in json.loads(result.stdout)} == {"int16", "uint16"}


@pytest.mark.parametrize(
    ("options", "values"),
    [
        (["--address", 0, "--type", "float32", "--count", 2], [151.5, 44.25]),
        (["--address", 20, "--type", "uint16", "--count", 3], [0, 1, 2]),
        (["--address", 4, "--kind", "coil", "--count", 3], [1, 0, 1]),
    ],
)
def test_numbers_of_a_known_type_are_read_in_a_row(port: int, options: list[object], values: list[float]) -> None:
    result = run("read", f"127.0.0.1:{port}", "--unit", 3, *options, "--json")
    assert [item["value"] for item in json.loads(result.stdout)] == values


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["read", "PORT", "--unit", 3, "--address", 90], 1, "exception 2"),
        (["read", "127.0.0.1:1", "--address", 0], 1, "no connection"),
        (["scan", "127.0.0.1:1"], 1, "no connection"),
        (["read", "host:x", "--address", 0], 2, "no HOST:PORT"),
        (["read", "/dev/nowhere", "--address", 0], 1, "/dev/nowhere"),
        (["scan", "PORT", "--unit", "9-3"], 2, "no unit id"),
        (["scan", "PORT", "--from", 9, "--to", 3], 2, "above --to"),
        (["read", "PORT"], 2, "--address"),
    ],
)
def test_what_is_wrong_is_said_with_the_right_exit_code(
    port: int, arguments: list[object], code: int, said: str
) -> None:
    result = run(*(f"127.0.0.1:{port}" if argument == "PORT" else argument for argument in arguments))
    assert result.exit_code == code
    assert said in result.stderr
