"""The agent that runs on this box, asked over its own HTTP server."""

import json
from typing import Any

import httpx

from agent.settings import AgentSettings
from edge_runtime.errors import HydrosightError


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
