"""How a device is reached."""

import ssl
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge_runtime.errors import SourceError


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Host = Annotated[str, Field(min_length=1)]
Port = Annotated[int, Field(ge=1, le=65535)]


class TcpTransport(_Frozen):
    """Modbus TCP."""

    type: Literal["tcp"]
    host: Host
    port: Port = 502

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class RtuOverTcpTransport(_Frozen):
    """RTU frames over TCP: a serial bus behind a gateway that passes its bytes on unchanged."""

    type: Literal["rtu_over_tcp"]
    host: Host
    port: Port = 502

    def __str__(self) -> str:
        return f"RTU over {self.host}:{self.port}"


class TlsTransport(_Frozen):
    """Modbus TCP Security: Modbus TCP inside TLS 1.2 or newer."""

    type: Literal["tls"]
    host: Host
    port: Port = 802
    verify: Annotated[
        bool, Field(description="Check who the device is; without, anybody on the network can pose as it.")
    ] = True
    ca_file: Annotated[Path | None, Field(description="Who signs the device's certificate.")] = None
    certificate_file: Annotated[Path | None, Field(description="Our own certificate, if the device wants one.")] = None
    key_file: Annotated[Path | None, Field(description="Its private key.")] = None

    def __str__(self) -> str:
        return f"TLS {self.host}:{self.port}"

    @model_validator(mode="after")
    def _certificate_has_a_key(self) -> Self:
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together: give both, or neither")
        if not self.verify and self.ca_file is not None:
            raise ValueError("ca_file is of no use with verify: false")
        return self

    def context(self) -> ssl.SSLContext:
        """What the connection is made with.

        Raises:
            SourceError: a certificate or key can't be read.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.certificate_file is not None:
                context.load_cert_chain(self.certificate_file, self.key_file)
        except OSError as error:  # of which ssl.SSLError is one
            files = ", ".join(str(file) for file in (self.ca_file, self.certificate_file, self.key_file) if file)
            raise SourceError(
                f"{self}: can't use {files}: {error.strerror or error}",
                hint="They must be PEM files that the agent's user may read, and the key the certificate's own.",
            ) from error
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class RtuTransport(_Frozen):
    """Modbus RTU over a serial port. The defaults are the standard's (Modbus over Serial Line 1.02, 2.5.1)."""

    type: Literal["rtu"]
    device: Annotated[Path, Field(description="The serial port; a path in /dev/serial/by-id stays the same.")]
    baud_rate: Annotated[int, Field(ge=300, le=4_000_000)] = 19200
    parity: Literal["even", "odd", "none"] = "even"
    stop_bits: Literal[1, 2] = 1
    local_echo: Annotated[bool, Field(description="The adapter hears what it sends itself.")] = False

    def __str__(self) -> str:
        return f"{self.device} at {self.baud_rate} baud"


Transport = Annotated[TcpTransport | RtuOverTcpTransport | TlsTransport | RtuTransport, Field(discriminator="type")]
