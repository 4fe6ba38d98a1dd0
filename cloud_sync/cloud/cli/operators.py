"""`hydrosight-cloud operator`: tokens of people and programs that use the API."""

import json
from datetime import timedelta
from typing import Annotated

import typer

from cloud_sync.cloud.access import operators
from cloud_sync.cloud.access.operators import OperatorStatus, Role
from cloud_sync.cloud.cli.listing import show_list
from cloud_sync.cloud.cli.session import ConfigOption, JsonOption, audited, in_transaction
from edge_runtime.errors import ConfigurationError

app = typer.Typer(help="Who may use the API, and for what.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what the token is for, such as grafana.")],
    role: Annotated[
        Role, typer.Option(help="viewer reads; operator says what was found, too; admin sees the audit, too.")
    ] = Role.VIEWER,
    valid_days: Annotated[
        float, typer.Option(help="How long the token is accepted; 0 for ever.", min=0, max=3650)
    ] = 365,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token for NAME. It is shown this once."""
    valid_for = timedelta(days=valid_days) if valid_days else None
    token = audited(
        config, f"operator create ({role})", name, lambda c: operators.create_operator(c, name, role, valid_for)
    )
    if as_json:
        typer.echo(json.dumps({"operator": name, "role": role, "token": token}))
        return
    typer.echo(token)
    typer.echo("Send it as: Authorization: Bearer TOKEN", err=True)


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="Whose token.")], config: ConfigOption = None) -> None:
    """Revoke an operator's token."""
    if not audited(config, "operator revoke", name, lambda c: operators.revoke_operator(c, name)):
        raise ConfigurationError(f"no operator {name!r} is in force", hint="See who is: hydrosight-cloud operator list")
    typer.echo("Revoked.")


@app.command("list")
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every operator in force: what each may, and until when."""
    show_list(
        in_transaction(config, operators.list_operators),
        ("operator", "may", "since", "until"),
        lambda item: (item.name, item.role, f"{item.created_at:%Y-%m-%d}", _until(item)),
        nothing="No operators yet. Make a token: hydrosight-cloud operator create NAME",
        as_json=as_json,
    )


def _until(operator: OperatorStatus) -> str:
    if operator.expires_at is None:
        return "for ever"
    return f"{operator.expires_at:%Y-%m-%d}{' (over)' if operator.expired else ''}"
