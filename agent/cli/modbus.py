"""`hydrosight modbus`: for the fitter who has a device and perhaps no manual."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from agent.cli.modbus_target import (
    BaudOption,
    Parity,
    ParityOption,
    RtuOption,
    TargetArgument,
    TimeoutOption,
    connection_to,
)
from agent.cli.output import JsonOption, error_console, print_json, print_table, reported_errors
from agent.sources.modbus.connection import ExceptionAnswerError
from agent.sources.modbus.decoder import Decoder
from agent.sources.modbus.read_plan import Block
from agent.sources.modbus.registers import ByteOrder, NumberType, RegisterKind, RegisterSettings
from agent.sources.modbus.scan import AddressRange, Prober, find_ranges, find_units
from agent.sources.modbus.settings import ConnectionSettings
from edge_runtime.errors import ConfigurationError, SourceError

app = typer.Typer(no_args_is_help=True, help="Find out what a Modbus device has, and how to read it.")

PLAUSIBLE = (1e-4, 1e7)
"""Sizes that numbers of machines have; others are shown dimmed."""


ADDRESSES = 65536

KindOption = Annotated[RegisterKind, typer.Option("--kind", help="Which table of the device.")]


@app.command()
def scan(
    target: TargetArgument,
    *,
    unit: Annotated[str, typer.Option("--unit", metavar="1-10", help="Unit ids to try: one, or from-to.")] = "1",
    kind: KindOption = RegisterKind.HOLDING,
    first: Annotated[int, typer.Option("--from", min=0, max=65535, help="First address.")] = 0,
    last: Annotated[int, typer.Option("--to", min=0, max=65535, help="Last address.")] = 200,
    rtu: RtuOption = False,
    baud_rate: BaudOption = 19200,
    parity: ParityOption = Parity.EVEN,
    timeout: TimeoutOption = 0.5,
    as_json: JsonOption = False,
) -> None:
    """Find the units that answer, and which addresses they have. It only reads, and rests between requests.

    Ends with 1 when no unit answers.

    Example: `hydrosight modbus scan 10.0.0.5:502 --unit 1-10 --to 400`
    """
    with reported_errors():
        units = _units(unit)
        if first > last:
            raise ConfigurationError(f"--from {first} is above --to {last}", hint="Write the lower address first.")
        settings = connection_to(target, rtu, baud_rate, parity, timeout)
        found = asyncio.run(_scan(settings, units, kind, first, last))
        if as_json:
            print_json(
                {
                    "target": target,
                    "kind": kind.value,
                    "units": [
                        {"unit": number, "ranges": [{"from": one.first, "to": one.last} for one in ranges]}
                        for number, ranges in found.items()
                    ],
                }
            )
        else:
            rows = [
                [str(number), f"{one.first} – {one.last}", str(one.last - one.first + 1)]
                for number, ranges in found.items()
                for one in ranges
            ]
            rows += [[str(number), "none", "0"] for number, ranges in found.items() if not ranges]
            columns = [("unit", "right"), (f"{kind.value} addresses", "left"), ("how many", "right")]
            print_table(str(settings.transport), columns, rows, "")
        if not found:
            raise SourceError(
                f"{settings.transport}: no unit of {unit} answers",
                hint="Check address, baud rate and parity; try more units with --unit 1-247 and a longer --timeout.",
            )


@app.command()
def read(
    target: TargetArgument,
    *,
    address: Annotated[int, typer.Option("--address", min=0, max=65535, help="Counted from 0: 40001 is 0.")],
    unit: Annotated[int, typer.Option("--unit", min=0, max=255, help="Unit id.")] = 1,
    kind: KindOption = RegisterKind.HOLDING,
    number_type: Annotated[
        NumberType | None, typer.Option("--type", help="How the number is held; left out: show them all.")
    ] = None,
    order: Annotated[ByteOrder, typer.Option("--order", help="How its bytes arrive.")] = ByteOrder.ABCD,
    count: Annotated[int, typer.Option("--count", min=1, max=50, help="How many numbers in a row.")] = 1,
    watch: Annotated[float | None, typer.Option("--watch", min=0.1, help="Read again every so many seconds.")] = None,
    rtu: RtuOption = False,
    baud_rate: BaudOption = 19200,
    parity: ParityOption = Parity.EVEN,
    timeout: TimeoutOption = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Read numbers. Without --type they are shown as every type and byte order, so that the right one can be seen.

    Example: `hydrosight modbus read 10.0.0.5:502 --address 0 --count 4 --watch 1`
    """
    with reported_errors():
        settings = connection_to(target, rtu, baud_rate, parity, timeout)
        is_known = kind.holds_bits or number_type is not None
        types = [number_type] if is_known else list(NumberType)
        orders = [order] if is_known else list(ByteOrder)
        show = _print_known if is_known else _print_choices
        width = 1 if kind.holds_bits or number_type is None else number_type.width
        layouts = [
            [
                _layout(kind, at, one, each)
                for one in types
                for each in orders
                if one is None or at + one.width <= ADDRESSES
            ]
            for at in range(address, min(address + count * width, ADDRESSES), width)
        ]
        with suppress(KeyboardInterrupt):
            asyncio.run(_read(settings, unit, layouts, watch, _print_json if as_json else show))


def _layout(kind: RegisterKind, address: int, number_type: NumberType | None, order: ByteOrder) -> RegisterSettings:
    if kind.holds_bits or number_type is None:
        return RegisterSettings(sensor="value", kind=kind, address=address)
    return RegisterSettings(sensor="value", kind=kind, address=address, type=number_type, byte_order=order)


async def _scan(
    settings: ConnectionSettings, units: Sequence[int], kind: RegisterKind, first: int, last: int
) -> dict[int, list[AddressRange]]:
    prober = Prober(settings)
    try:
        await prober.connect()
        with _progress("units", len(units)) as advance:
            answering = [unit_id async for unit_id in find_units(prober, units, kind, first, advance)]
        with _progress("addresses", len(answering) * (last + 1 - first)) as advance:
            return {unit_id: await find_ranges(prober, unit_id, kind, first, last, advance) for unit_id in answering}
    finally:
        prober.close()


@dataclass(frozen=True, slots=True)
class Number:
    """What an address holds, if it is held like that; `content` are the bytes as they arrived."""

    layout: RegisterSettings
    content: bytes
    value: float

    @property
    def plausible(self) -> bool:
        """Whether a machine may have such a value."""
        return self.value == 0 or PLAUSIBLE[0] <= abs(self.value) <= PLAUSIBLE[1]


async def _read(
    settings: ConnectionSettings,
    unit_id: int,
    layouts: Sequence[Sequence[RegisterSettings]],
    watch_s: float | None,
    show: Callable[[Sequence[Sequence[Number]]], None],
) -> None:
    """Read each address in each of its layouts, and again every `watch_s`."""
    prober = Prober(settings)
    try:
        while True:
            show([[number async for number in _numbers(prober, unit_id, one)] for one in layouts])
            if watch_s is None:
                return
            await asyncio.sleep(watch_s)
    finally:
        prober.close()


async def _numbers(prober: Prober, unit_id: int, layouts: Sequence[RegisterSettings]) -> AsyncIterator[Number]:
    """One address in its layouts, narrow ones first; those that reach beyond what the device has are left out.

    Raises:
        SourceError: the device doesn't answer, or hasn't even the first register.
    """
    answers: dict[int, bytes] = {}
    for layout in sorted(layouts, key=lambda layout: layout.width):
        block = Block.of([layout])
        if layout.width not in answers:
            try:
                answers[layout.width] = await prober.read(unit_id, block)
            except ExceptionAnswerError as error:
                if not answers or not error.about_range:
                    raise
                return
        content = answers[layout.width]
        yield Number(layout, content, Decoder([layout], [block]).values([content]).numbers[0])


def _print_known(numbers: Sequence[Sequence[Number]]) -> None:
    """A row for each number."""
    rows = [
        [str(number.layout.address), number.content.hex(" ", 2), _type_name(number), f"{number.value:.7g}"]
        for one in numbers
        for number in one
    ]
    print_table("", [("address", "right"), ("as it arrives", "left"), ("type", "left"), ("value", "right")], rows, "")


def _print_choices(numbers: Sequence[Sequence[Number]]) -> None:
    """A table for each address: a row for each type, a column for each byte order."""
    for one in numbers:
        held = {(number.layout.type, number.layout.byte_order): number for number in one}
        rows = [
            [number_type.value, *(_value_text(held[number_type, order]) for order in ByteOrder)]
            for number_type in dict.fromkeys(number.layout.type for number in one)
        ]
        longest = one[-1]
        title = f"{longest.layout.kind} {longest.layout.address}: {longest.content.hex(' ', 2)}"
        print_table(title, [("type", "left"), *((order.value, "right") for order in ByteOrder)], rows, "")


def _print_json(numbers: Sequence[Sequence[Number]]) -> None:
    print_json(
        [
            {
                "address": number.layout.address,
                "content": number.content.hex(),
                "type": _type_name(number),
                "byte_order": number.layout.byte_order.value,
                "value": number.value if math.isfinite(number.value) else None,
            }
            for one in numbers
            for number in one
        ]
    )


def _type_name(number: Number) -> str:
    return "bit" if number.layout.kind.holds_bits else number.layout.type.value


def _value_text(number: Number) -> str:
    text = f"{number.value:.7g}"
    return text if number.plausible else f"[dim]{text}[/]"


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, where that is a terminal; gives how to move it on."""
    columns = TextColumn(what), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=error_console, transient=True, disable=not error_console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda steps: progress.advance(task, steps)


def _units(text: str) -> range:
    """3 or 1-10 as a range.

    Raises:
        ConfigurationError: it is neither.
    """
    low, _, high = text.partition("-")
    if low.isdecimal() and (high or low).isdecimal() and 0 <= int(low) <= int(high or low) <= 255:
        return range(int(low), int(high or low) + 1)
    raise ConfigurationError(f"--unit {text}: is no unit id", hint="Write one, such as 3, or from-to, such as 1-247.")
