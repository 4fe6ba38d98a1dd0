"""The agent's settings: one YAML file, validated as a whole before anything starts.

Relative paths in the file are relative to the file's own folder. Secrets are never in the file: it names the files
that hold them.
"""

from pathlib import Path
from typing import Annotated, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from agent.sources.modbus.device_profile import with_profiles
from agent.sources.modbus.settings import ModbusSettings
from agent.sources.mqtt.settings import MqttSettings
from agent.store.retention import Retention
from agent.store.thinning import ThinningRule, Trigger
from cloud_sync.edge.daily_hours import DailyHours
from cloud_sync.edge.gate import Limits
from cloud_sync.edge.link import Link
from edge_runtime.baseline.document import MIN_WINDOWS
from edge_runtime.errors import ConfigurationError
from edge_runtime.machine import Name
from edge_runtime.yaml_file import load_yaml

DEFAULT_CONFIG = Path("/etc/hydrosight/agent.yaml")
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Port = Annotated[int, Field(ge=0, le=65535)]
Section = TypeVar("Section", bound=BaseModel)
OneSource: TypeAlias = ModbusSettings | MqttSettings


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceSettings(_Section):
    """Where readings come from. Every sensor of the machine file is read by one source at most."""

    modbus: tuple[ModbusSettings, ...] = ()
    mqtt: tuple[MqttSettings, ...] = ()

    @property
    def every(self) -> tuple[OneSource, ...]:
        """All sources, whatever their kind."""
        return (*self.modbus, *self.mqtt)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        if not self.every:
            raise ValueError("no source: name at least one under modbus or mqtt")
        names = [source.name for source in self.every]
        sensors = [sensor for source in self.every for sensor in sorted(source.sensors)]
        for kind, items in (("source name", names), ("sensor", sensors)):
            repeated = sorted({item for item in items if items.count(item) > 1})
            if repeated:
                raise ValueError(f"{kind} used twice: {', '.join(repeated)}")
        return self


class TriggerSettings(_Section):
    """A transient of the whole machine, such as a valve command or a pressure step."""

    sensor: Annotated[str, Field(description="Name in the machine file.")]
    change: Annotated[float, Field(gt=0, description="Changes by more than this, in its unit, are a transient.")]
    within_s: Annotated[
        float, Field(gt=0, le=60, description="What it is compared with: its value so long before.")
    ] = 0.5


class ThinningSettings(_Section):
    """Readings of fast sensors at rest are thinned to mean, smallest and largest of each second, once diagnosed."""

    min_rate_hz: Annotated[float, Field(ge=4, description="Sensors with at least so many readings a second.")] = 10.0
    before_s: Annotated[float, Field(ge=0, le=60, description="Kept whole before a transient.")] = 2.0
    after_s: Annotated[float, Field(ge=0, le=600, description="Kept whole after a transient.")] = 5.0
    own_change: Annotated[
        float, Field(gt=1, description="A step of so many times its usual one is a sensor's own transient.")
    ] = 20.0
    triggers: tuple[TriggerSettings, ...] = ()

    @property
    def rule(self) -> ThinningRule:
        """As the store takes it."""
        return ThinningRule(
            self.min_rate_hz,
            round(self.before_s * 1e6),
            round(self.after_s * 1e6),
            tuple(Trigger(one.sensor, one.change, round(one.within_s * 1e6)) for one in self.triggers),
            self.own_change,
        )


class StoreSettings(_Section):
    """How readings are kept."""

    flush_interval_s: Annotated[
        float, Field(ge=0.05, le=60, description="Readings are on disk at most this long after they arrived.")
    ] = 1.0
    max_bytes: Annotated[
        int, Field(ge=16 * 2**20, description="Size of the store; the oldest raw data goes first.")
    ] = 2 * 2**30
    min_free_bytes: Annotated[int, Field(ge=0, description="Room that is always left on the disk for others.")] = (
        200 * 2**20
    )

    thinning: ThinningSettings | None = None

    @property
    def retention(self) -> Retention:
        """The limits, as the store takes them."""
        return Retention(self.max_bytes, self.min_free_bytes)


class WindowSettings(_Section):
    """When a window is cut. Its length is the model's."""

    lateness_s: Annotated[
        float, Field(ge=0, le=3600, description="How much later than the newest reading another may still arrive.")
    ] = 2.0


class AlertSettings(_Section):
    """When an alert is raised and cleared."""

    raise_after: Annotated[int, Field(ge=1, le=1000, description="Windows in a row that must agree to raise.")] = 2
    clear_after: Annotated[int, Field(ge=1, le=1000, description="Normal windows in a row that clear.")] = 3
    min_confidence: Annotated[
        float, Field(ge=0, le=1, description="A window whose diagnosis is less sure than this counts for neither.")
    ] = 0.5

    @property
    def looks_back(self) -> int:
        """How many windows are read at a restart: those in a row that count, with unsure ones in between."""
        return 20 * max(self.raise_after, self.clear_after)


class BrokerSettings(_Section):
    """The MQTT broker that alerts and diagnoses go to."""

    host: str
    port: Port = 1883
    username: str | None = None
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None


class CentreSettings(_Section):
    """The centre that windows and diagnoses are synced to. https unless it is on this box."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    ca_file: Path | None = None
    credential_file: Annotated[
        Path | None, Field(description="Written by `hydrosight enrol`; default: credential.json in the data directory.")
    ] = None
    certificate_file: Annotated[Path | None, Field(description="The box's own certificate (PEM), for mutual TLS.")] = (
        None
    )
    key_file: Annotated[Path | None, Field(description="Its key, where that isn't in the same file.")] = None
    proxy: Annotated[
        str | None,
        Field(pattern=r"^(https?://.+|environment)$", description="URL of an HTTP proxy, or `environment`."),
    ] = None
    proxy_credentials_file: Annotated[Path | None, Field(description="USER:PASSWORD for the proxy.")] = None
    timeout_s: Annotated[float, Field(gt=0, le=600, description="How long the centre may stay silent.")] = 60.0
    max_rate: Annotated[float | None, Field(ge=100, description="Bytes a second at most, over a few seconds.")] = None
    daily_bytes: Annotated[
        int | None, Field(ge=0, description="Bytes of a UTC day; when they are spent windows wait for the next.")
    ] = None
    metered: Annotated[bool, Field(description="Send alerts and diagnoses only; windows wait.")] = False
    backlog_hours: Annotated[
        tuple[str, ...], Field(description="When windows left behind by an outage may go, local time: 22:00-06:00.")
    ] = ()
    catch_up_share: Annotated[
        float, Field(gt=0, le=1, description="Share of the time for which the backlog may keep the store busy.")
    ] = 0.25
    spread_s: Annotated[
        float, Field(ge=0, le=3600, description="Boxes that start together begin to send within this long.")
    ] = 10.0

    @field_validator("backlog_hours")
    @classmethod
    def _hours(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        DailyHours.parse(texts)
        return texts

    @model_validator(mode="after")
    def _key_has_certificate(self) -> Self:
        if self.key_file and not self.certificate_file:
            raise ValueError("key_file needs certificate_file: name both")
        return self

    @property
    def link(self) -> Link:
        """The way to it."""
        return Link(
            self.url,
            ca_file=self.ca_file,
            certificate_file=self.certificate_file,
            key_file=self.key_file,
            proxy=self.proxy,
            proxy_credentials_file=self.proxy_credentials_file,
            timeout_s=self.timeout_s,
        )

    @property
    def limits(self) -> Limits:
        """What the uplink may use."""
        return Limits(
            max_rate=self.max_rate,
            daily_bytes=self.daily_bytes,
            metered=self.metered,
            backlog_hours=DailyHours.parse(self.backlog_hours),
            catch_up_share=self.catch_up_share,
            spread_s=self.spread_s,
        )


class ModelSettings(_Section):
    """The diagnosis model and its updates."""

    bundle: Annotated[Path, Field(description="The bundle to start with, until an update replaces it.")]
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    trust_root: Annotated[
        Path | None, Field(description="root.json of the model registry; without it there are no updates.")
    ] = None
    check_interval_s: Annotated[float, Field(ge=1)] = 3600.0
    probation_windows: Annotated[
        int, Field(ge=1, description="Windows a new model must get through before it is kept.")
    ] = 10


class BaselineSettings(_Section):
    """What the machine looks like when it is healthy; see `hydrosight baseline`."""

    assume_healthy: Annotated[
        int | None,
        Field(
            ge=MIN_WINDOWS,
            le=10_000,
            description="Take the machine for healthy at first, and learn its baseline from so many windows.",
        ),
    ] = None


class RemoteSettings(_Section):
    """Lets the centre change some of these settings by signed documents. Without this section it can't."""

    follow: Annotated[
        Name | None, Field(description="Whose documents are taken: a group's; default: this machine's own.")
    ] = None
    probation_s: Annotated[
        float, Field(ge=1, le=86_400, description="For so long sources must work under a new document to keep it.")
    ] = 300.0
    patience_s: Annotated[
        float, Field(ge=1, le=3600, description="A source may be at fault for so long meanwhile, such as to connect.")
    ] = 60.0


class HealthSettings(_Section):
    """Where /healthz, /readyz, /status and /metrics are served."""

    host: str = "127.0.0.1"
    port: Port = 9273


class AgentSettings(_Section):
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


def load_settings(path: Path) -> AgentSettings:
    """Read, validate and make every path absolute.

    Raises:
        ConfigurationError: the file is missing or wrong; says where and what would be right.
    """
    if not path.exists():
        raise ConfigurationError(
            f"{path}: no such file",
            hint="Name the agent's settings with --config or HYDROSIGHT_CONFIG; configs/agent/ holds an example.",
        )
    folder = path.resolve().parent
    settings = _absolute(load_yaml(path, AgentSettings), folder)
    modbus = tuple(with_profiles(source, folder) for source in settings.sources.modbus)
    return settings.model_copy(update={"sources": settings.sources.model_copy(update={"modbus": modbus})})


def _absolute(section: Section, base: Path) -> Section:
    changes: dict[str, object] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Path):
            changes[name] = base / value
        elif isinstance(value, BaseModel):
            changes[name] = _absolute(value, base)
        elif isinstance(value, tuple) and value and all(isinstance(item, BaseModel) for item in value):
            changes[name] = tuple(_absolute(item, base) for item in value)
    return section.model_copy(update=changes)
