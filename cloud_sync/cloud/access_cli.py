"""`hydrosight-cloud machine | agent | operator`: give and take access."""

import json
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from cloud_sync.cloud import access
from cloud_sync.cloud.session import ConfigOption, JsonOption, in_transaction
from edge_runtime.errors import ConfigurationError
from edge_runtime.machine import Name

machine_app = typer.Typer(help="Machines.", no_args_is_help=True)
agent_app = typer.Typer(help="The boxes on machines.", no_args_is_help=True)
operator_app = typer.Typer(help="Who may read.", no_args_is_help=True)


def check_machine_name(name: str) -> None:
    """Whether it can be a machine's name in a machine file.

    Raises:
        ConfigurationError: it can't.
    """
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise ConfigurationError(
            f"{name!r} can't be a machine's name",
            hint="Up to 64 letters, digits, '_', '-' and '.', beginning with a letter or digit.",
        ) from error


@machine_app.command("revoke")
def revoke_machine(
    machine: Annotated[str, typer.Argument(help="Name of the machine.")], config: ConfigOption = None
) -> None:
    """Revoke the credential of MACHINE's box and its unused tokens. What it has sent stays."""
    if not in_transaction(config, lambda c: access.revoke_machine(c, machine)):
        raise ConfigurationError(f"machine {machine!r} has nothing in force", hint="See: hydrosight-cloud fleet")
    typer.echo(f"Revoked. To let its box in again: hydrosight-cloud enroll {machine}")


@agent_app.command("revoke")
def revoke_agent(
    agent: Annotated[str, typer.Argument(help="Id of the agent, as `fleet` shows it.")], config: ConfigOption = None
) -> None:
    """Revoke the credential of one box."""
    if not in_transaction(config, lambda c: access.revoke_agent(c, agent)):
        raise ConfigurationError(f"no agent {agent!r} is in force", hint="See: hydrosight-cloud fleet")
    typer.echo("Revoked. To let the box in again: hydrosight-cloud enroll MACHINE")


@operator_app.command("create")
def create_operator(
    name: Annotated[str, typer.Argument(help="Who or what the token is for, such as grafana.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token that may read everything. It is shown this once."""
    token = in_transaction(config, lambda c: access.create_operator(c, name))
    if as_json:
        typer.echo(json.dumps({"operator": name, "token": token}))
        return
    typer.echo(token)
    typer.echo("Send it as: Authorization: Bearer TOKEN", err=True)


@operator_app.command("revoke")
def revoke_operator(name: Annotated[str, typer.Argument(help="Whose token.")], config: ConfigOption = None) -> None:
    """Revoke an operator's token."""
    if not in_transaction(config, lambda c: access.revoke_operator(c, name)):
        raise ConfigurationError(f"no operator {name!r} is in force", hint="Check the name.")
    typer.echo("Revoked.")
