"""`hydrosight-cloud machine | agent`: take access from boxes."""

import json
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from cloud_sync.cloud.access import enrolment as access
from cloud_sync.cloud.cli.session import ConfigOption, JsonOption, audited
from edge_runtime.errors import ConfigurationError
from edge_runtime.machine import Name

machine_app = typer.Typer(help="Take access from a machine.", no_args_is_help=True)
agent_app = typer.Typer(help="Take access from a single box.", no_args_is_help=True)


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
    machine: Annotated[str, typer.Argument(help="Name of the machine.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke the credential of MACHINE's box and its unused tokens. What it has sent stays.

    Example: `hydrosight-cloud machine revoke press-7`
    """
    if not audited(config, "machine revoke", machine, lambda c: access.revoke_machine(c, machine), kind="machine"):
        raise ConfigurationError(f"machine {machine!r} has nothing in force", hint="See: hydrosight-cloud fleet")
    again = f"Revoked. To let its box in again: hydrosight-cloud enroll {machine}"
    typer.echo(json.dumps({"revoked": machine}) if as_json else again)


@agent_app.command("revoke")
def revoke_agent(
    agent: Annotated[str, typer.Argument(help="Id of the agent, as `fleet` shows it.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke the credential of one box.

    Example: `hydrosight-cloud agent revoke 6a1eb4e18597`
    """
    if not audited(config, "agent revoke", agent, lambda c: access.revoke_agent(c, agent), kind="agent"):
        raise ConfigurationError(f"no agent {agent!r} is in force", hint="See: hydrosight-cloud fleet")
    again = "Revoked. To let the box in again: hydrosight-cloud enroll MACHINE"
    typer.echo(json.dumps({"revoked": agent}) if as_json else again)
