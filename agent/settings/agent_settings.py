"""The whole settings file, and where the agent keeps what."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from agent.settings.alerts import AlertSettings
from agent.settings.baseline import BaselineSettings
from agent.settings.broker import BrokerSettings
from agent.settings.centre import CentreSettings
from agent.settings.health import HealthSettings
from agent.settings.model import ModelSettings
from agent.settings.remote import RemoteSettings
from agent.settings.section import Section
from agent.settings.sources import SourceSettings
from agent.settings.store import StoreSettings
from agent.settings.windows import WindowSettings


class AgentSettings(Section):
    """The whole file."""

    machine: Path
    data_directory: Path
    sources: SourceSettings
    model: ModelSettings
    store: StoreSettings = StoreSettings()
    windows: WindowSettings = WindowSettings()
    alerts: AlertSettings = AlertSettings()
    baseline: BaselineSettings = BaselineSettings()
    broker: BrokerSettings | None = None
    centre: CentreSettings | None = None
    health: HealthSettings = HealthSettings()
    remote_settings: RemoteSettings | None = None
    advice: Annotated[
        Path | None, Field(description="Rules of what to do about a fault, before those that come with Hydrosight.")
    ] = None

    @model_validator(mode="after")
    def _verifiable(self) -> Self:
        if self.remote_settings and not (self.centre and self.model.trust_root):
            raise ValueError("remote_settings needs centre and model.trust_root, to fetch and to verify them")
        return self

    @property
    def store_file(self) -> Path:
        """The SQLite file."""
        return self.data_directory / "store.db"

    @property
    def clock_floor_file(self) -> Path:
        """Holds the latest moment that is known to be past."""
        return self.data_directory / "clock-floor"

    @property
    def running_file(self) -> Path:
        """Written while the agent runs: its process id and the port it answers on."""
        return self.data_directory / "running.json"

    @property
    def resend_file(self) -> Path:
        """Where a command leaves the windows that the agent is to send again."""
        return self.data_directory / "resend.json"

    @property
    def dead_letter_requests(self) -> Path:
        """Where commands leave what is to become of dead letters."""
        return self.data_directory / "dead-letter-requests"

    @property
    def slots_directory(self) -> Path:
        """Where the model slots are."""
        return self.data_directory / "models"

    @property
    def baseline_directory(self) -> Path:
        """Where the machine's healthy baselines are."""
        return self.data_directory / "baseline"

    @property
    def remote_trial_file(self) -> Path:
        """Which settings document of the centre is in force, and on what terms."""
        return self.data_directory / "settings" / "trial.json"

    @property
    def credential_file(self) -> Path:
        """Where the box's own credential is."""
        named = self.centre.credential_file if self.centre else None
        return named or self.data_directory / "credential.json"
