"""`hydrosight-cloud operator`: tokens of people and programs that use the API."""

import json
from datetime import timedelta
from typing import Annotated

import typer

from cloud_sync.cloud.access import operators
from cloud_sync.cloud.access.operators import OperatorStatus, Role
from cloud_sync.cloud.access.scope import OperatorScope
from cloud_sync.cloud.access.tenants import FIRST_TENANT
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
    tenant: Annotated[str, typer.Option(help="Whose machines it shows.")] = FIRST_TENANT,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Show the whole centre instead.")] = False,
    machine: Annotated[
        list[str] | None, typer.Option(help="Show this machine of them alone; may be given several times.")
    ] = None,
    valid_days: Annotated[
        float, typer.Option(help="How long the token is accepted; 0 for ever.", min=0, max=3650)
    ] = 365,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token for NAME. It is shown this once.

    Example: `hydrosight-cloud operator create kim --role operator --valid-days 90`
    """
    valid_for = timedelta(days=valid_days) if valid_days else None
    scope = OperatorScope(None if all_tenants else tenant, tuple(machine or ()))
    token = audited(
        config,
        f"operator create ({role})",
        name,
        lambda c: operators.create_operator(c, name, role, scope, valid_for),
        kind="operator",
    )
    if as_json:
        typer.echo(json.dumps({"operator": name, "role": role, "token": token}))
        return
    typer.echo(token)
    typer.echo("Send it as: Authorization: Bearer TOKEN", err=True)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Whose token.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke an operator's token.

    Example: `hydrosight-cloud operator revoke kim`
    """
    if not audited(config, "operator revoke", name, lambda c: operators.revoke_operator(c, name), kind="operator"):
        raise ConfigurationError(f"no operator {name!r} is in force", hint="See who is: hydrosight-cloud operator list")
    typer.echo(json.dumps({"revoked": name}) if as_json else "Revoked.")


@app.command("list")
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every operator in force: what each may, and until when.

    Example: `hydrosight-cloud operator list`
    """
    show_list(
        in_transaction(config, operators.list_operators),
        ("operator", "may", "sees", "since", "until"),
        lambda item: (
            item.name,
            item.role,
            str(OperatorScope(item.tenant, tuple(item.machines))),
            f"{item.created_at:%Y-%m-%d}",
            _until(item),
        ),
        nothing="No operators yet. Make a token: hydrosight-cloud operator create NAME",
        as_json=as_json,
    )


def _until(operator: OperatorStatus) -> str:
    if operator.expires_at is None:
        return "for ever"
    return f"{operator.expires_at:%Y-%m-%d}{' (over)' if operator.expired else ''}"
