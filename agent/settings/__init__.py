"""The agent's settings: one YAML file, validated as a whole before anything starts.

Each section of the file is a module of this package. Secrets are never in the file: it names the files that hold them.
"""

from agent.settings.agent_settings import AgentSettings
from agent.settings.alerts import AlertSettings
from agent.settings.broker import BrokerSettings
from agent.settings.centre import CentreSettings
from agent.settings.health import HealthSettings
from agent.settings.load import DEFAULT_CONFIG, load_settings
from agent.settings.remote import RemoteSettings
from agent.settings.sources import OneSource, SourceSettings
from agent.settings.thinning import ThinningSettings

__all__ = [
    "DEFAULT_CONFIG",
    "AgentSettings",
    "AlertSettings",
    "BrokerSettings",
    "CentreSettings",
    "HealthSettings",
    "OneSource",
    "RemoteSettings",
    "SourceSettings",
    "ThinningSettings",
    "load_settings",
]
