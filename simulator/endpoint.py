"""HOST:PORT."""

from dataclasses import dataclass
from typing import Self

from edge_runtime.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where something listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, option: str) -> Self:
        """Read `HOST:PORT`, or `[HOST]:PORT` for IPv6.

        Raises:
            ConfigurationError: it isn't that; names the option that it was given to.
        """
        host, _, port = text.rpartition(":")
        if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ConfigurationError(
                f"{option} {text!r} is not HOST:PORT", hint=f"For example: {option} 127.0.0.1:5020"
            )
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
