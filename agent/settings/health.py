"""Where the agent tells how it is."""

from agent.settings.section import Port, Section


class HealthSettings(Section):
    """Where /healthz, /readyz, /status and /metrics are served."""

    host: str = "127.0.0.1"
    port: Port = 9273
