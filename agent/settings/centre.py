"""The centre, the way to it, and how much of it may be used."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from agent.settings.section import Section
from cloud_sync.edge.daily_hours import DailyHours
from cloud_sync.edge.gate import Limits
from cloud_sync.edge.link import Link


class CentreSettings(Section):
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
