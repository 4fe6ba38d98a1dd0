"""`hydrosight-cloud settings`: change boxes' settings from the centre. docs/remote-settings.md is its manual."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from cloud_sync.cloud.cli.listing import show_list
from cloud_sync.cloud.cli.models import KeysOption, PassphraseOption, RepositoryOption, read_passphrase
from cloud_sync.cloud.cli.session import JsonOption
from cloud_sync.cloud.registry.keys import Keys
from cloud_sync.cloud.registry.settings import SettingsRegistry
from cloud_sync.settings_target import SettingsTarget
from edge_runtime.errors import ConfigurationError
from edge_runtime.machine import Name

app = typer.Typer(help="Sign settings documents and offer them to boxes.", no_args_is_help=True)

MachineOption = Annotated[
    str, typer.Option(help="The machine it is for, or the group that boxes follow by `remote_settings.follow`.")
]


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(help="The document: the sections to be changed, as in agent.yaml.")],
    machine: MachineOption,
    repository: RepositoryOption,
    keys: KeysOption,
    version: Annotated[str, typer.Option(help="A number above all published for it; auto takes the next.")] = "auto",
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign FILE and offer it to the boxes of MACHINE.

    Each box validates it against its own machine, tries it on probation, and goes back by itself when a source fails
    under it. Try it on a box first: hydrosight config try FILE.

    Example: `hydrosight-cloud settings publish slower.yaml --machine press-7 --repository repository --keys
    /media/keys`
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file}: can't be read: {error.strerror}", hint="Check the path.") from error
    document = SettingsRegistry(repository).publish(
        content,
        _addressee(machine),
        Keys(keys, read_passphrase(passphrase_file)),
        now=datetime.now(UTC),
        version=_version(version),
    )
    _show_published(document, as_json=as_json)


@app.command("list")
def list_documents(repository: RepositoryOption, as_json: JsonOption = False) -> None:
    """Show what is published, by machine or group.

    Example: `hydrosight-cloud settings list --repository repository`
    """
    documents = SettingsRegistry(repository).documents()
    newest = {document.addressee: document.version for document in documents}
    show_list(
        documents,
        ("for", "version", "state"),
        lambda one: (one.addressee, str(one.version), "offered" if newest[one.addressee] == one.version else ""),
        nothing="Nothing is published yet: hydrosight-cloud settings publish FILE",
        as_json=as_json,
    )


@app.command("roll-back")
def roll_back(
    machine: MachineOption,
    repository: RepositoryOption,
    keys: KeysOption,
    to: Annotated[int, typer.Option(help="The version to go back to.", min=1)],
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Offer an earlier document again, as the newest: boxes never go to a lower version.

    Example: `hydrosight-cloud settings roll-back --machine press-7 --to 3 --repository repository --keys
    /media/keys`
    """
    document = SettingsRegistry(repository).roll_back(
        _addressee(machine), to=to, keys=Keys(keys, read_passphrase(passphrase_file)), now=datetime.now(UTC)
    )
    _show_published(document, as_json=as_json)


def _addressee(machine: str) -> str:
    try:
        return TypeAdapter(Name).validate_python(machine)
    except ValidationError as error:
        raise ConfigurationError(
            f"{machine!r} is no name of a machine or group", hint="Letters, digits, dots, dashes and underscores."
        ) from error


def _version(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ConfigurationError(f"--version {text!r} is no version", hint="A number from 1, or auto.")
    return int(text)


def _show_published(document: SettingsTarget, *, as_json: bool) -> None:
    if as_json:
        typer.echo(document.model_dump_json())
        return
    typer.echo(f"Published version {document.version} for {document.addressee}. Boxes take it at their next check.")
    typer.echo("If this is a copy of the centre's repository, bring it there: hydrosight-cloud model import REPOSITORY")
