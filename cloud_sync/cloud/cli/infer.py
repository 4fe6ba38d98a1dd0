"""`hydrosight-cloud infer`: what the model says of stored windows of a machine, without a server."""

from datetime import datetime
from importlib.util import find_spec
from typing import Annotated

import psycopg
import typer

from cloud_sync.cloud.cli.listing import show_list
from cloud_sync.cloud.cli.moment import HELP, moment
from cloud_sync.cloud.cli.session import ConfigOption, JsonOption, in_transaction
from cloud_sync.cloud.inference.answer import InferenceAnswer, RangeLine
from cloud_sync.cloud.inference.asked import AskedRange, ask_one, ask_range
from cloud_sync.cloud.inference.job import Job
from cloud_sync.cloud.inference.model_shelf import ModelShelf
from cloud_sync.cloud.inference.ranges import answer_ranges
from cloud_sync.cloud.inference.window_lookup import FoundWindow
from cloud_sync.cloud.inference.worker import run_batch
from cloud_sync.cloud.settings import load_settings
from cloud_sync.cloud.store.arrays import register_arrays
from edge_runtime.errors import ConfigurationError, HydrosightError


def infer(
    machine: Annotated[str, typer.Argument(help="Name of the machine.", show_default=False)],
    time: Annotated[
        datetime | None,
        typer.Option(help=f"The window that holds this moment: {HELP}.", parser=moment, metavar="TIME"),
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(help="All windows from then on.", parser=moment, metavar="TIME")
    ] = None,
    until: Annotated[datetime | None, typer.Option(help="Before then.", parser=moment, metavar="TIME")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Diagnose the newest stored window of MACHINE, the one at --time, or all from --since to --until.

    With the model that serves the machine; nothing is stored. --json prints a line for each window, as
    docs/inference.md describes them.

    Example: `hydrosight-cloud infer press-7 --since 2026-03-01 --until 2026-03-02`
    """
    if (since is None) != (until is None) or (since is not None and time is not None):
        raise ConfigurationError(
            "--since and --until belong together, and not beside --time", hint="See: hydrosight-cloud infer --help"
        )
    if find_spec("onnxruntime") is None:
        raise ConfigurationError("inference isn't installed here", hint="pip install 'hydrosight[inference]'")
    shelf = ModelShelf(load_settings(config))

    async def do(connection: psycopg.AsyncConnection) -> list[RangeLine]:
        register_arrays(connection)
        if since is None or until is None:
            answer = await _answer(await ask_one(connection, shelf, machine, time))
            lines = [RangeLine(answer=InferenceAnswer.model_validate_json(answer))]
        else:
            asked = await ask_range(connection, shelf, machine, since, until)

            async def read(_: AskedRange, first: datetime) -> list[FoundWindow]:
                return await asked.page(connection, first)

            lines = [
                RangeLine.model_validate_json(line)
                async for page in answer_ranges([asked], read, _answer)
                for line in page
            ]
        return lines

    try:
        lines = in_transaction(config, do)
    finally:
        shelf.close()
    if as_json:
        for line in lines:
            typer.echo(line.encoded(), nl=False)
        return
    answers = [line.answer for line in lines if line.answer is not None]
    show_list(
        answers, ("window (UTC)", "health", "not normal", "model"), _cells, nothing="No windows then.", as_json=False
    )
    for line in lines:
        if line.problem is not None:
            typer.echo(f"{line.problem.window_start or 'The rest'}: {line.problem.detail}", err=True)


def _cells(answer: InferenceAnswer) -> tuple[str, ...]:
    diagnosis = answer.diagnosis
    health = "–" if diagnosis.overall_health is None else f"{diagnosis.overall_health:.0%}"
    found = ", ".join(f"{item.component}: {item.fault or item.state}" for item in answer.anomalies)
    return f"{diagnosis.window_start:%Y-%m-%d %H:%M:%S}", health, found or "–", str(diagnosis.model.version)


async def _answer(job: Job) -> bytes:
    """The JSON of the answer to one window, in this process."""
    (reply,) = run_batch([job])
    if isinstance(reply, HydrosightError):
        raise reply
    return reply
