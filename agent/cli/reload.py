"""`hydrosight reload`: let the running agent take up changed settings."""

import json
import os
import signal
import time
from typing import Annotated

import typer

from agent.cli.output import DEFAULT, ConfigOption, JsonOption, console, print_json, reported_errors, settings_from
from agent.running_agent import fetch_status
from agent.settings import AgentSettings
from agent.status import Reload
from edge_runtime.errors import ConfigurationError, HydrosightError

LOOK_S = 0.05


def reload(
    config: ConfigOption = DEFAULT,
    timeout_s: Annotated[float, typer.Option(help="How long to wait for the outcome.", min=0.1)] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Let the running agent read its settings again, and say what came of it.

    Sources that didn't change go on without losing a reading. Wrong settings are refused as a whole (exit code 2), and
    the agent goes on with those it has.

    Example: `hydrosight reload --timeout-s 60`
    """
    with reported_errors():
        outcome = ask_to_reload(settings_from(config), timeout_s)
        if as_json:
            print_json({"applied": outcome.applied, "message": outcome.message, "hint": outcome.hint})
            raise typer.Exit(0 if outcome.applied else ConfigurationError.exit_code)
        if not outcome.applied:
            raise ConfigurationError(f"reload refused: {outcome.message}", hint=outcome.hint)
        console.print(f"reloaded: {outcome.message}", markup=False, soft_wrap=True)


def ask_to_reload(settings: AgentSettings, timeout_s: float) -> Reload:
    """Send the running agent SIGHUP and wait for the outcome.

    Raises:
        HydrosightError: no agent runs, it isn't ours to signal, or it doesn't answer in time.
    """
    before = _last(settings)
    try:
        os.kill(int(json.loads(settings.running_file.read_bytes())["pid"]), signal.SIGHUP)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HydrosightError(
            f"the agent can't be told to reload: {error}", hint="Run the command as the agent's user, or with sudo."
        ) from error
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        outcome = _last(settings)
        if outcome and (before is None or outcome.number > before.number):
            return outcome
        time.sleep(LOOK_S)
    raise HydrosightError(f"no outcome within {timeout_s:g} s", hint="Look at it: hydrosight status.")


def _last(settings: AgentSettings) -> Reload | None:
    said = fetch_status(settings).get("reload")
    return Reload(**said) if said else None
