"""`hydrosight run`: the daemon."""

import asyncio
import gc
import json
import logging
import os
import signal
import sys
from typing import Annotated

import structlog
import typer

from agent.cli.output import DEFAULT, ConfigOption, reported_errors, settings_from
from agent.settings import AgentSettings
from edge_runtime.durable import replace_file


def run(
    config: ConfigOption = DEFAULT,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the agent until it is told to stop (SIGTERM or Ctrl-C); logs JSON lines to standard error.

    Reads the sources, keeps every reading, diagnoses each window, raises alerts, syncs to the centre.
    """
    with reported_errors():
        settings = settings_from(config)
        _log_json(log_level)
        from agent.daemon import run_agent  # noqa: PLC0415 - the other commands start without the daemon's parts

        async def main() -> None:
            stop = asyncio.Event()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, stop.set)

            def ready(port: int) -> None:
                gc.freeze()
                structlog.get_logger("agent").info("ready", health_port=port)
                write_running(settings, port)

            try:
                await run_agent(settings, stop, ready)
            finally:
                settings.running_file.unlink(missing_ok=True)

        asyncio.run(main())


def write_running(settings: AgentSettings, port: int) -> None:
    """Say where this agent answers, for the other commands."""
    replace_file(settings.running_file, json.dumps({"health_port": port, "pid": os.getpid()}).encode())


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
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
