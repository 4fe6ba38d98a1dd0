"""Settings of the centre: options of the command, over a YAML file, over the environment (`HYDROSIGHT_…`)."""

import ipaddress
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from edge_runtime.errors import ConfigurationError
from edge_runtime.yaml_file import load_yaml

Seconds = Annotated[float, Field(gt=0, le=3600)]
Days = Annotated[int, Field(ge=0, le=36_500)]
Quota = Annotated[int, Field(ge=0, le=1_000_000)]


def _check_networks(text: str) -> str:
    for part in text.split(","):
        if part.strip() not in {"", "*"}:
            ipaddress.ip_network(part.strip())
    return text


Networks = Annotated[str, AfterValidator(_check_networks)]


class CloudSettings(BaseSettings):
    """Settings of `hydrosight-cloud`.

    Attributes:
        database_url: `postgresql://user:password@host/database`. Not an option of a command: `ps` shows those.
        database_url_file: file that holds the URL instead, such as a mounted secret.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        tls_cert: PEM file of the server's certificate chain; without it something in front must do TLS.
        tls_key: PEM file of its key.
        tuf_repository: folder with `metadata/` and `targets/`, served read-only under /tuf/.
        forwarded_allow_ips: addresses or networks of proxies whose X-Forwarded-For is believed, with commas between.
        redis_url: `redis://:password@host:6379/0`, where servers count requests together; each for itself without it.
        redis_url_file: file that holds it instead.
        box_requests_per_minute: of one box; more are told to wait. 0: without limit, as for the next three.
        operator_requests_per_minute: of one operator's token.
        inference_requests_per_minute: of one operator's token, for inference, apart from the others.
        refused_tries_per_minute: enrolments and requests refused to one address, before it is told to wait.
        pool_size: connections to the database at most.
        pool_wait_s: who waits longer than this for one of them is told to come again.
        database_timeout_s: a statement that takes longer is given up.
        body_timeout_s: a request whose body takes longer to arrive is refused.
        concurrent_ingests: batches that are decoded and written at once; each takes up to 150 MB.
        ingest_memory_mb: compressed batches in memory at once; more wait before their body is read.
        ingest_wait_s: who waits longer than this for his turn is told to come again.
        max_connections: more are answered 503.
        head_timeout_s: a connection that takes longer to send the head of a request is cut.
        head_bytes: a request's line and headers at most.
        keep_alive_s: a connection without requests is closed.
        inference_bundle: folder of the model that diagnoses all machines' windows here, instead of the signed ones.
        inference_processes: that diagnose; each takes a core and about 200 MB. 0: this server doesn't.
        inference_max_batch: windows that are diagnosed together at most.
        inference_max_wait_ms: how long one waits for others while a process is free; more than 0 pays on a GPU.
        inference_max_waiting: windows that wait for single requests, and as many for ranges; more are refused.
        inference_timeout_s: a window whose turn doesn't come within that is refused.
        inference_worker_timeout_s: a process that doesn't answer a batch within that is killed and replaced.
        inference_max_windows: of one range; more are refused.
        concurrent_batch_inferences: ranges at once; each takes up to 20 MB.
        credential_days: how long a box's credential is valid; the box renews it after two thirds of that. 0: for ever.
        clock_tolerance_minutes: how far a box's clock may be off before what it stamps is set apart.
        retry_after_s: what boxes are told to wait when the database is down.
        keep_windows_days: older windows are deleted; 0 keeps all.
        keep_diagnoses_days: older diagnoses are; 0 keeps all. Their aggregates stay where TimescaleDB keeps them.
        keep_alerts_days: older alerts that don't stand are; 0 keeps all.
        keep_receipts_days: older receipts of batches are; 0 keeps all.
    """

    model_config = SettingsConfigDict(env_prefix="HYDROSIGHT_", env_ignore_empty=True, frozen=True, extra="forbid")

    database_url: SecretStr | None = None
    database_url_file: Path | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8443
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tuf_repository: Path | None = None
    forwarded_allow_ips: Networks = "127.0.0.1,::1"
    redis_url: SecretStr | None = None
    redis_url_file: Path | None = None
    box_requests_per_minute: Quota = 600
    operator_requests_per_minute: Quota = 1200
    inference_requests_per_minute: Quota = 6000
    refused_tries_per_minute: Quota = 30
    pool_size: Annotated[int, Field(ge=1, le=100)] = 8
    pool_wait_s: Seconds = 2
    database_timeout_s: Seconds = 30
    body_timeout_s: Seconds = 60
    concurrent_ingests: Annotated[int, Field(ge=1, le=64)] = 4
    ingest_memory_mb: Annotated[int, Field(ge=8, le=65_536)] = 256
    ingest_wait_s: Seconds = 20
    max_connections: Annotated[int, Field(ge=1, le=65_536)] = 4096
    head_timeout_s: Seconds = 10
    head_bytes: Annotated[int, Field(ge=1024, le=2**20)] = 16_384
    keep_alive_s: Annotated[int, Field(ge=1, le=3600)] = 30
    inference_bundle: Path | None = None
    inference_processes: Annotated[int, Field(ge=0, le=64)] = 2
    inference_max_batch: Annotated[int, Field(ge=1, le=1024)] = 16
    inference_max_wait_ms: Annotated[float, Field(ge=0, le=1000)] = 0
    inference_max_waiting: Annotated[int, Field(ge=64, le=10_000)] = 256
    inference_timeout_s: Seconds = 10
    inference_worker_timeout_s: Seconds = 30
    inference_max_windows: Annotated[int, Field(ge=1, le=10_000_000)] = 50_000
    concurrent_batch_inferences: Annotated[int, Field(ge=1, le=64)] = 2
    credential_days: Annotated[float, Field(ge=0, le=3650)] = 90
    clock_tolerance_minutes: Annotated[float, Field(ge=1, le=1_000_000)] = 60
    retry_after_s: Annotated[int, Field(ge=1, le=3600)] = 5
    keep_windows_days: Days = 0
    keep_diagnoses_days: Days = 0
    keep_alerts_days: Days = 0
    keep_receipts_days: Days = 31

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key come together: give both or neither")
        return self

    @property
    def credential_lifetime(self) -> timedelta | None:
        """Of credentials issued from now on; None for no end."""
        return timedelta(days=self.credential_days) if self.credential_days else None

    def connection_string(self) -> str:
        """The database's URL, with its password.

        Raises:
            ConfigurationError: none is set, its file can't be read, or it isn't one. What it is isn't said: psycopg and
                libpq name the part that they can't read, which may be one of the password.
        """
        url = _secret(self.database_url, self.database_url_file, "database_url_file")
        if url is None:
            raise ConfigurationError(
                "no database is set",
                hint="Set HYDROSIGHT_DATABASE_URL=postgresql://user:password@host/database, or …_URL_FILE.",
            )
        if not _is_conninfo(url):
            raise ConfigurationError(
                "database_url can't be read",
                hint="Write it as postgresql://user:password@host:5432/database; in the password % @ : / # ? as "
                "%25 %40 %3A %2F %23 %3F.",
            )
        return url

    def redis_connection_string(self) -> str | None:
        """Redis' URL, with its password; None where there is none.

        Raises:
            ConfigurationError: its file can't be read, or it isn't a URL of Redis.
        """
        url = _secret(self.redis_url, self.redis_url_file, "redis_url_file")
        if url is not None and not url.startswith(("redis://", "rediss://")):
            raise ConfigurationError("redis_url is not one of Redis", hint="Write it as redis://:password@host:6379/0")
        return url


def _is_conninfo(url: str) -> bool:
    """Whether it can be read, and no part of a password that wasn't escaped came to be taken for something else."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return False
    ports = str(parts.get("port") or "").split(",")
    places = (str(parts.get("host") or "")[1:], str(parts.get("dbname") or ""))  # a socket's name may begin with it
    return all(not port or port.isdecimal() for port in ports) and not any("@" in place for place in places)


def _secret(value: SecretStr | None, file: Path | None, name: str) -> str | None:
    if value is not None:
        return value.get_secret_value()
    if file is None:
        return None
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            f"{name}: {file}: can't be read: {error.strerror}",
            hint="Check the path and that this user may read the file.",
        ) from error


def load_settings(path: Path | None = None, options: Mapping[str, object] | None = None) -> CloudSettings:
    """Settings of the file `path`, if there is one, over the environment; `options` over both.

    Raises:
        ConfigurationError: something is wrong; each fault is named.
    """
    try:
        settings = load_yaml(path, CloudSettings) if path is not None else CloudSettings()
        return CloudSettings.model_validate({**settings.model_dump(), **(options or {})})
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" if fault["loc"] else fault["msg"]
            for fault in error.errors(include_input=False)
        ]
        raise ConfigurationError(
            "\n".join(fault.replace("Value error, ", "") for fault in faults),
            hint="Mend the option, or the environment variable HYDROSIGHT_… of that name.",
        ) from error
