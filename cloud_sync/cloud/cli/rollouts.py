"""`hydrosight-cloud rollout`: bring a signed model to the fleet, wave by wave."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from pydantic import ValidationError

from cloud_sync.cloud.cli.listing import show_list
from cloud_sync.cloud.cli.rollout_display import show_comparison, show_rollout, waves_of
from cloud_sync.cloud.cli.session import ConfigOption, JsonOption, in_transaction, this_account
from cloud_sync.cloud.registry.models import Registry
from cloud_sync.cloud.rollout import acts, store
from cloud_sync.cloud.rollout.compare import Comparison, compare
from cloud_sync.cloud.rollout.plan import Plan, Rollout
from cloud_sync.cloud.rollout.status import RolloutStatus, status_of
from cloud_sync.cloud.settings import load_settings
from cloud_sync.model_target import ModelTarget
from edge_runtime.errors import ConfigurationError

app = typer.Typer(
    help="Bring a signed model to the fleet, wave by wave. Manual: docs/model-updates.md", no_args_is_help=True
)

Number = Annotated[int, typer.Argument(help="Number of the roll-out, as `rollout status` shows it.", min=1)]
RepositoryOption = Annotated[
    Path | None, typer.Option(help="Directory of the signed repository. Default: the setting tuf_repository.")
]


@app.command()
def start(  # noqa: PLR0917 - options, given by name
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    version: Annotated[str, typer.Argument(help="Version to roll out; it must be signed.")],
    waves: Annotated[
        str, typer.Option(help="Shares of all machines, one wave after the other, percent.")
    ] = "10,50,100",
    canary: Annotated[list[str] | None, typer.Option(help="Machine that gets it first; may be repeated.")] = None,
    against: Annotated[str | None, typer.Option(help="Version for the other side of an A/B split.")] = None,
    split: Annotated[int, typer.Option(help="Share of the machines in open waves that get VERSION, percent.")] = 100,
    soak_hours: Annotated[float, typer.Option(help="How long each wave must be open before the next.")] = 24,
    max_failed: Annotated[int, typer.Option(help="Share of machines that may fail, percent; above it halts.")] = 5,
    min_running: Annotated[int, typer.Option(help="Share that must run it before the next wave, percent.")] = 80,
    silent_hours: Annotated[float, typer.Option(help="After so long without a diagnosis a machine is silent.")] = 6,
    planned: Annotated[bool, typer.Option("--planned", help="Set it up only; begin with `rollout resume`.")] = False,
    repository: RepositoryOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Roll out VERSION of MODEL. The first wave opens at once; `rollout advance` opens the next ones.

    Example: `hydrosight-cloud rollout start zema-rig 1.4.0 --canary press-7 --waves 10,50,100`
    """
    try:
        plan = Plan.model_validate(
            {
                "model": model,
                "version": version,
                "against": against,
                "split": split,
                "canaries": canary or (),
                "waves": [part.strip() for part in waves.split(",")],
                "soak_hours": soak_hours,
                "max_failed": max_failed,
                "min_running": min_running,
                "silent_hours": silent_hours,
            }
        )
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}".lstrip(": ") for fault in error.errors())
        raise ConfigurationError("; ".join(faults), hint="See: hydrosight-cloud rollout start --help") from error
    published = _published(config, repository)

    async def do(connection: psycopg.AsyncConnection) -> RolloutStatus:
        rollout = await acts.deploy(connection, plan, published, this_account(), start=not planned)
        return await status_of(connection, rollout)

    _print(in_transaction(config, do), as_json=as_json)


@app.command()
def status(
    number: Annotated[int | None, typer.Argument(help="Number of one roll-out; without it all are listed.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show all roll-outs; or one: how far each machine is, and whether the next wave may open.

    Example: `hydrosight-cloud rollout status 2`
    """
    if number is not None:
        wanted = number

        async def one(connection: psycopg.AsyncConnection) -> RolloutStatus:
            return await status_of(connection, await store.find(connection, wanted))

        _print(in_transaction(config, one), as_json=as_json)
        return
    show_list(
        in_transaction(config, store.newest),
        ("no.", "model", "version", "against", "wave", "state", "since (UTC)", "by", "why"),
        lambda one: (
            str(one.id),
            one.model,
            one.version,
            f"{one.against} ({100 - one.split} %)" if one.against else "–",
            waves_of(one),
            one.state.replace("_", " "),
            f"{one.created_at:%Y-%m-%d %H:%M}",
            one.created_by,
            one.reason,
        ),
        nothing="No roll-outs yet: every box takes the newest signed model. See: hydrosight-cloud rollout start --help",
        as_json=as_json,
    )


@app.command()
def advance(
    number: Number,
    anyway: Annotated[str, typer.Option(help="Why to open the next wave whatever stands against it.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open the next wave, unless too many machines fail, are silent, or don't run it yet. After the last: done.

    Ends with 1 while something stands against it, and says what; --anyway goes on all the same.

    Example: `hydrosight-cloud rollout advance 2 --anyway "press-9 has a broken disk"`
    """
    _act(config, number, lambda c, one: acts.advance(c, one, this_account(), anyway=anyway), as_json=as_json)


@app.command()
def pause(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why; kept with it.")] = "by hand",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let no further box begin with it; those that run it go on.

    Example: `hydrosight-cloud rollout pause 2 --reason "press-9 is being looked at"`
    """
    _act(config, number, lambda c, one: acts.pause(c, one, this_account(), reason), as_json=as_json)


@app.command()
def resume(number: Number, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Begin with a planned roll-out, or go on with a paused one; what has failed so far isn't held against it again.

    Example: `hydrosight-cloud rollout resume 2`
    """
    _act(config, number, lambda c, one: acts.activate(c, one, this_account()), as_json=as_json)


@app.command("roll-back")
def roll_back(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why; kept with it.")],
    to: Annotated[str | None, typer.Option(help="Version that all machines get instead, of a higher release.")] = None,
    repository: RepositoryOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Offer it to nobody any more and, with --to, that version to all at once.

    Boxes never go to a lower release: sign the old content as a new version first, with `model roll-back`.

    Example: `hydrosight-cloud rollout roll-back 2 --reason "loses windows" --to 1.4.1`
    """
    published = _published(config, repository) if to else []
    _act(
        config,
        number,
        lambda c, one: acts.roll_back(c, one, published, this_account(), reason=reason, to=to),
        as_json=as_json,
    )


@app.command("compare")
def compare_versions(
    number: Number,
    hours: Annotated[float, typer.Option(help="How far to look back, to its beginning at most.", min=0.1)] = 168,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare its version with the other one of its split, or with all that ran meanwhile; canaries are left out.

    Intervals (95 %) count each machine once: windows of one machine are alike.

    Example: `hydrosight-cloud rollout compare 3 --hours 72`
    """

    async def do(connection: psycopg.AsyncConnection) -> Comparison:
        return await compare(connection, await store.find(connection, number), timedelta(hours=hours))

    said = in_transaction(config, do)
    if as_json:
        typer.echo(said.model_dump_json())
    else:
        show_comparison(said)


def _act(
    config: Path | None,
    number: int,
    act: Callable[[psycopg.AsyncConnection, Rollout], Awaitable[Rollout]],
    *,
    as_json: bool,
) -> None:
    async def do(connection: psycopg.AsyncConnection) -> RolloutStatus:
        return await status_of(connection, await act(connection, await store.locked(connection, number)))

    _print(in_transaction(config, do), as_json=as_json)


def repository_of(config: Path | None, repository: Path | None) -> Path:
    """Directory of the signed repository: the one that is named, or the setting's.

    Raises:
        ConfigurationError: there is neither.
    """
    directory = repository or load_settings(config).tuf_repository
    if directory is None:
        raise ConfigurationError(
            "where the signed models lie isn't known", hint="Name it: --repository, or the setting tuf_repository."
        )
    return directory


def _published(config: Path | None, repository: Path | None) -> list[ModelTarget]:
    return Registry(repository_of(config, repository)).models()


def _print(status: RolloutStatus, *, as_json: bool) -> None:
    if as_json:
        typer.echo(status.model_dump_json())
    else:
        show_rollout(status)
