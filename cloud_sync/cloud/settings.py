"""Settings of the centre: options of the command, over a YAML file, over the environment (`HYDROSIGHT_…`)."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from edge_runtime.errors import ConfigurationError
from edge_runtime.yaml_file import load_yaml

Seconds = Annotated[float, Field(gt=0, le=3600)]
Days = Annotated[int, Field(ge=0, le=36_500)]


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
        pool_size: connections to the database at most.
        database_timeout_s: a statement that takes longer is given up.
        body_timeout_s: a request whose body takes longer to arrive is refused.
        concurrent_ingests: batches that are decoded and written at once; each takes up to 150 MB.
        credential_days: how long a box's credential is valid; the box renews it after two thirds of that. 0: for ever.
        retry_after_s: what boxes are told to wait when the database is down.
        keep_windows_days: older windows are deleted; 0 keeps all.
        keep_diagnoses_days: older diagnoses are; 0 keeps all. Their aggregates stay where TimescaleDB keeps them.
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
    pool_size: Annotated[int, Field(ge=1, le=100)] = 8
    database_timeout_s: Seconds = 30
    body_timeout_s: Seconds = 60
    concurrent_ingests: Annotated[int, Field(ge=1, le=64)] = 4
    credential_days: Annotated[float, Field(ge=0, le=3650)] = 90
    retry_after_s: Annotated[int, Field(ge=1, le=3600)] = 5
    keep_windows_days: Days = 0
    keep_diagnoses_days: Days = 0
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
            ConfigurationError: none is set, or its file can't be read.
        """
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        if self.database_url_file is None:
            raise ConfigurationError(
                "no database is set",
                hint="Set HYDROSIGHT_DATABASE_URL=postgresql://user:password@host/database, or …_URL_FILE.",
            )
        try:
            return self.database_url_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigurationError(
                f"database_url_file: {self.database_url_file}: can't be read: {error.strerror}",
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
