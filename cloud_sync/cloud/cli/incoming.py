"""`hydrosight-cloud model import`: take over what was signed where the keys are."""

from pathlib import Path
from typing import Annotated

import psycopg
import typer
from pydantic_core import to_json

from cloud_sync.cloud.access.audit import note
from cloud_sync.cloud.cli.rollouts import RepositoryOption, repository_of
from cloud_sync.cloud.cli.session import ConfigOption, JsonOption, in_transaction, this_account
from cloud_sync.cloud.registry.incoming import TakenOver, take_over
from edge_runtime.errors import ConfigurationError


def import_signed(
    folder: Annotated[Path, typer.Argument(help="Repository that was signed elsewhere, or a copy of it.")],
    repository: RepositoryOption = None,
    root: Annotated[
        Path | None, typer.Option(help="root.json that boxes were given, to trust where there is no repository yet.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take over models and settings that were signed where the keys are, all at once; no key is needed here.

    Verified from the root that is trusted here, as on a box: signatures, hashes, and that nothing is older than what is
    here, mixed of several states or expired. Boxes and servers see it as soon as it is whole. Ends with 1 when it is
    refused; then nothing has changed.

    Example: `hydrosight-cloud model import incoming --repository /var/lib/hydrosight-cloud/tuf`
    """
    directory = repository_of(config, repository)
    try:
        anchor = None if root is None else root.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{root}: can't be read: {error.strerror}", hint="Check the path.") from error

    async def do(connection: psycopg.AsyncConnection) -> TakenOver:
        taken = take_over(folder, directory, root=anchor)
        if taken.state != taken.former:
            changes = (*taken.offered, *(f"{path} withdrawn" for path in taken.withdrawn))
            await note(connection, this_account(), "model import", f"state {taken.state}", ", ".join(changes))
        return taken

    taken = in_transaction(config, do)
    if as_json:
        typer.echo(to_json(taken).decode())
        return
    for path in taken.offered:
        typer.echo(f"offered    {path}")
    for path in taken.withdrawn:
        typer.echo(f"withdrawn  {path}")
    typer.echo(f"{directory} has state {taken.state}{' as before' if taken.state == taken.former else ' now'}.")
