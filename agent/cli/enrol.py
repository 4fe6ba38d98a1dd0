"""`hydrosight enrol`: trade a one-time token for this box's own credential."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.output import DEFAULT, ConfigOption, JsonOption, console, print_json, reported_errors, settings_from
from edge_runtime.errors import ConfigurationError


def enrol(
    config: ConfigOption = DEFAULT,
    token_file: Annotated[
        Path | None, typer.Option(help="File that holds the one-time token; standard input without it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Enrol this box at the centre with a one-time token, and keep the credential it gets.

    The operator makes the token with `hydrosight-cloud enroll MACHINE`. It is never given as an argument, where other
    users of the box could see it.

    Example: `hydrosight enrol --token-file token`
    """
    from agent.models import agent_version  # noqa: PLC0415
    from cloud_sync.edge.credential import write_credential  # noqa: PLC0415
    from cloud_sync.edge.enrol import enrol as enrol_at_centre  # noqa: PLC0415
    from edge_runtime.machine_file import load_machine  # noqa: PLC0415

    with reported_errors():
        settings = settings_from(config)
        if settings.centre is None:
            raise ConfigurationError(f"{config}: has no `centre`", hint="Add centre.url, then enrol.")
        machine = load_machine(settings.machine)
        token = _read_token(token_file)
        enrolment = enrol_at_centre(
            settings.centre.link,
            token,
            machine.name,
            agent_version(),
            settings.machine.read_text(encoding="utf-8"),
        )
        settings.credential_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_credential(settings.credential_file, enrolment)
        if as_json:
            print_json({"agent": enrolment.agent, "machine": enrolment.machine, "file": str(settings.credential_file)})
        else:
            console.print(f"Enrolled as {enrolment.agent} for machine {enrolment.machine}.")


def _read_token(file: Path | None) -> str:
    if file is None:
        if sys.stdin.isatty():
            return str(typer.prompt("One-time token", hide_input=True)).strip()
        token = sys.stdin.readline().strip()
    else:
        try:
            token = file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigurationError(f"{file}: {error.strerror}", hint="Name the file that holds the token.") from error
    if not token:
        raise ConfigurationError("the token is empty", hint="Make one with `hydrosight-cloud enroll MACHINE`.")
    return token
