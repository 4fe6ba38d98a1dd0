"""The agent's side of the centre: how it is reached, and what is done there."""

import ssl
from collections.abc import Awaitable, Callable

import httpx

from agent.box_clock import BoxClock
from agent.core import CoreThread
from agent.models import Models
from agent.pipeline import Pipeline
from agent.settings import AgentSettings, CentreSettings
from agent.status import AgentStatus
from agent.updater import Updater
from cloud_sync.edge.ota import ModelUpdates
from cloud_sync.edge.tuf_fetcher import update_client
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.errors import ConfigurationError
from edge_runtime.window import Window

RECENT_WINDOWS = 8
"""How many of the machine's latest windows a new model is tried on."""


def verification(centre: CentreSettings) -> ssl.SSLContext:
    """Who may vouch for the centre: the CA file of the settings, else the system's.

    Raises:
        ConfigurationError: the CA file can't be used.
    """
    try:
        return ssl.create_default_context(cafile=centre.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"centre.ca_file {centre.ca_file}: {error}", hint="Name a readable PEM file with the CA's certificate."
        ) from error


def uplink_client(centre: CentreSettings) -> httpx.AsyncClient:
    """An HTTP client for the uplink, to be kept and closed by the caller."""
    return httpx.AsyncClient(
        base_url=centre.url, verify=verification(centre), timeout=httpx.Timeout(30.0, connect=10.0)
    )


def make_updater(
    settings: AgentSettings,
    centre: CentreSettings,
    *,
    models: Models,
    pipeline: Pipeline,
    core: CoreThread,
    status: AgentStatus,
    recent: Callable[[], Awaitable[list[Window]]],
) -> Updater | None:
    """The updater, or None where no trust root is installed.

    Raises:
        ConfigurationError: the trust root can't be read.
    """
    if settings.model.trust_root is None:
        return None
    try:
        root = settings.model.trust_root.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"model.trust_root {settings.model.trust_root}: {error.strerror}",
            hint="Copy root.json of the model registry there, or leave trust_root out to do without updates.",
        ) from error
    clock = BoxClock(settings.data_directory / "clock-floor")
    updates = ModelUpdates(
        settings.data_directory / "tuf",
        settings.data_directory / "downloads",
        f"{centre.url.rstrip('/')}/tuf",
        root,
        client=update_client(verification(centre)),
        reference_time=clock.at_least,
    )

    async def take_over(diagnoser: Diagnoser) -> None:
        await core.call(pipeline.use, diagnoser)

    return Updater(updates, models, clock, lambda: pipeline.diagnoser, recent, take_over, status)
