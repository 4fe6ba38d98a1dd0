"""Which device a `hydrosight modbus` command is about, and how it is reached."""

from enum import StrEnum
from typing import Annotated

import typer

from agent.sources.modbus.settings import ConnectionSettings
from edge_runtime.errors import ConfigurationError

GENTLE_S = 0.02
"""Rest between two requests of a scan, so that others on the bus get their turn."""


class Parity(StrEnum):
    """Of a serial line."""

    EVEN = "even"
    ODD = "odd"
    NONE = "none"


TargetArgument = Annotated[
    str, typer.Argument(metavar="TARGET", help="HOST:PORT, HOST, or a serial port such as /dev/ttyUSB0.")
]
RtuOption = Annotated[bool, typer.Option("--rtu", help="RTU frames over TCP, as some gateways want.")]
BaudOption = Annotated[int, typer.Option("--baud-rate", min=300, help="Of a serial port.")]
ParityOption = Annotated[Parity, typer.Option("--parity", help="Of a serial port.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.01, help="Seconds to wait for an answer.")]


def connection_to(target: str, rtu: bool, baud_rate: int, parity: Parity, timeout_s: float) -> ConnectionSettings:
    """Where TARGET is.

    Raises:
        ConfigurationError: it is no HOST:PORT and no serial port.
    """
    transport: dict[str, object]
    if "/" in target:
        transport = {"type": "rtu", "device": target, "baud_rate": baud_rate, "parity": parity.value}
    else:
        host, _, port = target.rpartition(":") if ":" in target else (target, "", "502")
        transport = {"type": "rtu_over_tcp" if rtu else "tcp", "host": host, "port": port}
    try:
        return ConnectionSettings.model_validate(
            {"name": "device", "transport": transport, "timeout_s": timeout_s, "request_delay_s": GENTLE_S}
        )
    except ValueError as error:
        raise ConfigurationError(
            f"{target}: is no HOST:PORT and no serial port",
            hint="Write it like 10.0.0.5:502 or /dev/ttyUSB0.",
        ) from error
