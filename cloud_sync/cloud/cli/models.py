"""`hydrosight-cloud model`: keep the signing keys, publish models, go back. docs/model-updates.md is its manual."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cloud.cli.listing import show_list
from cloud_sync.cloud.cli.session import JsonOption
from cloud_sync.cloud.registry.keys import Keys, create_keys
from cloud_sync.cloud.registry.models import Registry
from cloud_sync.model_target import ModelTarget
from edge_runtime.errors import ConfigurationError

app = typer.Typer(help="Sign models and offer them to the fleet.", no_args_is_help=True)
keys_app = typer.Typer(help="The signing keys.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

RepositoryOption = Annotated[
    Path, typer.Option(envvar="HYDROSIGHT_TUF_REPOSITORY", help="Directory of the signed repository.")
]
KeysOption = Annotated[Path, typer.Option(envvar="HYDROSIGHT_KEYS", help="Directory of the signing keys.")]
PassphraseOption = Annotated[
    Path | None,
    typer.Option(help="File with the passphrase of the offline keys, instead of HYDROSIGHT_KEY_PASSPHRASE."),
]


@keys_app.command("init")
def init_keys(
    directory: Annotated[Path, typer.Option(help="Where the keys go; it must hold none yet.")],
    root_keys: Annotated[int, typer.Option(help="How many root keys.", min=1, max=16)] = 1,
    targets_keys: Annotated[int, typer.Option(help="How many targets keys.", min=1, max=16)] = 1,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the first signing keys. Those in DIRECTORY/offline belong in a safe.

    Example: `hydrosight-cloud model keys init --directory /media/keys --root-keys 3`
    """
    created = create_keys(
        directory,
        passphrase=read_passphrase(passphrase_file),
        root_keys=root_keys,
        targets_keys=targets_keys,
    )
    if as_json:
        typer.echo(json.dumps({"directory": str(directory), "keys": created}))
        return
    typer.echo(f"{directory / 'offline'}: keys of root and targets. Keep copies in a safe, and none on the centre.")
    typer.echo(f"{directory / 'online'}: keys of snapshot and timestamp. The centre needs them to refresh.")
    typer.echo(f"Next: hydrosight-cloud model init --repository REPOSITORY --keys {directory}", err=True)


@app.command()
def init(
    repository: RepositoryOption,
    keys: KeysOption,
    root_threshold: Annotated[int, typer.Option(help="How many root keys must sign.", min=1)] = 1,
    targets_threshold: Annotated[int, typer.Option(help="How many targets keys must sign.", min=1)] = 1,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an empty signed repository, and the root.json that boxes are given.

    Example: `hydrosight-cloud model init --repository /media/repository --keys /media/keys --root-threshold 2`
    """
    registry = Registry.create(
        repository,
        Keys(keys, read_passphrase(passphrase_file)),
        now=_now(),
        thresholds={"root": root_threshold, "targets": targets_threshold},
    )
    if as_json:
        typer.echo(json.dumps({"repository": str(repository), "root": str(registry.root_path)}))
        return
    typer.echo(f"Give every box {registry.root_path} as /etc/hydrosight/root.json.")


@app.command()
def publish(
    bundle: Annotated[Path, typer.Argument(help="Folder of the model bundle.")],
    repository: RepositoryOption,
    keys: KeysOption,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign BUNDLE. Boxes that run a model of its name take it, by a roll-out where it ever had one.

    Example: `hydrosight-cloud model publish zema-rig-1.4.0 --repository repository --keys /media/keys`
    """
    signing_keys = Keys(keys, read_passphrase(passphrase_file))
    _show_published(Registry(repository).publish(bundle, signing_keys, now=_now()), as_json=as_json)


@app.command("roll-back")
def roll_back(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    repository: RepositoryOption,
    keys: KeysOption,
    to: Annotated[str, typer.Option(help="The version to go back to.")],
    as_version: Annotated[str, typer.Option("--as", help="The version it is published as, such as 1.4.1.")],
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Offer an earlier model again, as the newest: boxes never go to a lower release.

    Example: `hydrosight-cloud model roll-back zema-rig --to 1.3.0 --as 1.4.1 --repository repository --keys
    /media/keys`
    """
    signing_keys = Keys(keys, read_passphrase(passphrase_file))
    model = Registry(repository).roll_back(name, to=to, version=as_version, keys=signing_keys, now=_now())
    _show_published(model, as_json=as_json)


@app.command()
def withdraw(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    version: Annotated[str, typer.Argument(help="The version that nobody shall be offered any more.")],
    repository: RepositoryOption,
    keys: KeysOption,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign that a model is offered no more. Boxes that run it go on with it.

    Example: `hydrosight-cloud model withdraw zema-rig 1.4.0 --repository repository --keys /media/keys`
    """
    signing_keys = Keys(keys, read_passphrase(passphrase_file))
    model = Registry(repository).withdraw(name, version, signing_keys, now=_now())
    typer.echo(model.model_dump_json() if as_json else f"Withdrawn: {name} {version}, release {model.release}.")


@app.command("list")
def list_models(repository: RepositoryOption, as_json: JsonOption = False) -> None:
    """Show what is published, and until when the signatures count.

    Example: `hydrosight-cloud model list --repository repository`
    """
    registry = Registry(repository)
    models, expiries = registry.models(), registry.expiries()
    if as_json:
        content = {
            "models": [model.model_dump() for model in models],
            "expires": {role: time.isoformat() for role, time in expiries.items()},
        }
        typer.echo(json.dumps(content))
        return
    show_list(
        models,
        ("model", "version", "release", "needs agent", "manifest"),
        lambda one: (one.name, one.version, str(one.release), one.minimum_agent_version, one.manifest_sha256[:12]),
        nothing="Nothing is published yet: hydrosight-cloud model publish BUNDLE",
        as_json=False,
    )
    now = _now()
    for role, time in expiries.items():
        state = f"in {(time - now).days} days" if time > now else "EXPIRED"
        typer.echo(f"{role:9} signed until {time:%Y-%m-%d %H:%M} UTC ({state})")


@app.command()
def refresh(repository: RepositoryOption, keys: KeysOption, as_json: JsonOption = False) -> None:
    """Sign snapshot and timestamp anew, with the online keys alone. Run it every day.

    Example: `hydrosight-cloud model refresh --repository /var/lib/hydrosight-cloud/tuf --keys
    /var/lib/hydrosight-cloud/keys`
    """
    registry = Registry(repository)
    registry.refresh(Keys(keys), now=_now())
    _show_expiries(registry, as_json=as_json)


@app.command()
def renew(
    repository: RepositoryOption,
    keys: KeysOption,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign everything anew, with all keys. Run it once a year.

    Example: `hydrosight-cloud model renew --repository repository --keys /media/keys`
    """
    registry = Registry(repository)
    registry.renew(Keys(keys, read_passphrase(passphrase_file)), now=_now())
    _show_expiries(registry, as_json=as_json)


@app.command()
def rotate(
    role: Annotated[str, typer.Argument(help="root, targets, snapshot or timestamp.")],
    repository: RepositoryOption,
    keys: KeysOption,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replace the keys of ROLE, when one is lost or stolen. Boxes follow by themselves.

    Example: `hydrosight-cloud model rotate timestamp --repository repository --keys /media/keys`
    """
    signing_keys = Keys(keys, read_passphrase(passphrase_file))
    new = Registry(repository).rotate(role, signing_keys, now=_now())
    if as_json:
        typer.echo(json.dumps({"role": role, "keys": new}))
        return
    typer.echo(f"{keys}: new keys of {role}: {', '.join(key[:16] for key in new)}. Destroy the old ones.")


def read_passphrase(file: Path | None) -> bytes | None:
    """The passphrase of the offline keys; None when there is none.

    Raises:
        ConfigurationError: the file can't be read or is empty.
    """
    if file is None:  # never an option of its own: arguments are in everybody's `ps`
        return os.environb.get(b"HYDROSIGHT_KEY_PASSPHRASE") or None
    try:
        passphrase = file.read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(f"{file}: can't be read: {error.strerror}", hint="Check the path.") from error
    if not passphrase:
        raise ConfigurationError(f"{file}: holds no passphrase", hint="Write it into the file's first line.")
    return passphrase


def _show_published(model: ModelTarget, *, as_json: bool) -> None:
    if as_json:
        typer.echo(model.model_dump_json())
        return
    typer.echo(f"Published {model.name} {model.version}, release {model.release}. Boxes take it at their next check,")
    typer.echo(f"or by a roll-out at the centre: hydrosight-cloud rollout start {model.name} {model.version}")
    typer.echo("If this is a copy of the centre's repository, bring it there: hydrosight-cloud model import REPOSITORY")


def _show_expiries(registry: Registry, *, as_json: bool) -> None:
    expiries = registry.expiries()
    if as_json:
        typer.echo(json.dumps({"expires": {role: time.isoformat() for role, time in expiries.items()}}))
        return
    typer.echo(", ".join(f"{role} until {time:%Y-%m-%d}" for role, time in expiries.items()))


def _now() -> datetime:
    return datetime.now(UTC)
