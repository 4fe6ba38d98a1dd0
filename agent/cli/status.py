"""`hydrosight status`: how the running agent is."""

import json
from typing import Any

import httpx

from agent.cli.diagnosis_view import show_diagnosis
from agent.cli.output import (
    DEFAULT,
    ConfigOption,
    JsonOption,
    console,
    print_json,
    print_table,
    reported_errors,
    settings_from,
    time_text,
)
from agent.settings import AgentSettings
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import HydrosightError


def status(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Ask the running agent how each of its parts is, and what it last diagnosed."""
    with reported_errors():
        document = fetch_status(settings_from(config))
        if as_json:
            print_json(document)
            return
        conditions = document["conditions"]
        rows = [
            [part, "[green]works[/]" if one["healthy"] else "[bold red]fails[/]", one["message"], one["hint"]]
            for part, one in conditions.items()
        ]
        print_table("Agent", [("part", "left"), ("", "left"), ("what", "wrap"), ("what to do", "wrap")], rows, "")
        console.print(
            f"since start: {document['readings']:,} readings, {document['windows']:,} windows, "
            f"{document['alerts']:,} alerts raised or cleared; last reading {time_text(document['last_reading_us'])}"
        )
        if document["diagnosis"]:
            console.print()
            show_diagnosis(Diagnosis.model_validate(document["diagnosis"]))


def fetch_status(settings: AgentSettings) -> dict[str, Any]:
    """The agent's own account of itself.

    Raises:
        HydrosightError: no agent answers where the settings say.
    """
    url = f"http://{settings.health.host}:{_port(settings)}/status"
    try:
        return dict(httpx.get(url, timeout=5, trust_env=False).raise_for_status().json())
    except (httpx.HTTPError, ValueError) as error:
        raise HydrosightError(
            f"no agent answers at {url}: {error}",
            hint="Start it with `hydrosight run` or `systemctl start hydrosight`; its log says why it isn't running.",
        ) from error


def _port(settings: AgentSettings) -> int:
    """The port that the running agent has written down; with none running, the one it would take."""
    try:
        return int(json.loads(settings.running_file.read_bytes())["health_port"])
    except (OSError, ValueError, KeyError, TypeError):
        return settings.health.port
