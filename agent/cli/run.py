"""`hydrosight run`: the daemon."""

import asyncio
import gc
import io
import json
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TextIO, cast

import structlog
import typer

from agent.cli.output import DEFAULT, ConfigOption, reported_errors
from agent.configuration import configuration_to_start_with, load_configuration
from edge_runtime.durable import replace_file


def run(
    config: ConfigOption = DEFAULT,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the agent until it is told to stop (SIGTERM or Ctrl-C); logs JSON lines to standard error.

    Reads the sources, keeps every reading, diagnoses each window, raises alerts, syncs to the centre. SIGHUP, or
    `hydrosight reload`, lets it take up changed settings without a restart.

    Example: `hydrosight run --config /etc/hydrosight/agent.yaml`
    """
    with reported_errors():
        configuration = configuration_to_start_with(config)
        settings = configuration.settings
        _log_json(log_level)
        from agent.daemon import Orders, run_agent  # noqa: PLC0415 - the other commands do without the daemon's parts

        async def main() -> None:
            orders = Orders()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, orders.stop.set)
            loop.add_signal_handler(signal.SIGHUP, orders.reload.set)

            def ready(port: int) -> None:
                gc.freeze()
                structlog.get_logger("agent").info("ready", health_port=port)
                write_running(settings.running_file, port)

            try:
                await run_agent(configuration, lambda: load_configuration(config), orders, ready)
            finally:
                withdraw_running(settings.running_file)

        asyncio.run(main())


def write_running(file: Path, port: int) -> None:
    """Say where this agent answers, for the other commands. A full disk doesn't keep it from running."""
    try:
        replace_file(file, json.dumps({"health_port": port, "pid": os.getpid()}).encode())
    except OSError as error:
        structlog.get_logger("agent").warning("running_file_not_written", file=str(file), error=str(error))


def withdraw_running(file: Path) -> None:
    """Take that back, unless another agent has said it."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        if json.loads(file.read_bytes())["pid"] == os.getpid():
            file.unlink()


def _log_json(level: str) -> None:
    numeric = logging.getLevelNamesMapping().get(level.upper())
    if numeric is None:
        raise typer.BadParameter(f"{level!r} is not a log level: debug, info, warning, error")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", LogStream(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.ERROR, stream=LogStream(sys.stderr))


class LogStream(io.TextIOBase):
    """A stream that drops what can't be written, as on a full disk or a closed pipe: the log never stops the agent."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or not."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or not."""
        with suppress(OSError):
            self._stream.flush()
