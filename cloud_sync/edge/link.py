"""The way to the centre: verified TLS always, a certificate of the box's own and a proxy where there are."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import httpx

from cloud_sync.edge.centre import check_url
from edge_runtime.errors import ConfigurationError

CONNECT_S = 10.0
FROM_ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Link:
    """How a box reaches the centre.

    Attributes:
        url: of the centre.
        ca_file: PEM file of the CA that signs the centre's certificate; the system's CAs without it.
        certificate_file: PEM file of the box's own certificate and its chain, for a centre that asks for one.
        key_file: PEM file of its key, where that isn't in the same file.
        proxy: URL of an HTTP proxy; "environment" takes HTTPS_PROXY and the like. Without it none is used.
        proxy_credentials_file: file with USER:PASSWORD for the proxy.
        timeout_s: how long the centre may stay silent; a commit may take it half a minute.
    """

    url: str
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    proxy: str | None = None
    proxy_credentials_file: Path | None = None
    timeout_s: float = 60.0

    @property
    def files(self) -> tuple[Path, ...]:
        """What it is made from: when one of these changes, clients have to be made anew."""
        named = (self.ca_file, self.certificate_file, self.key_file, self.proxy_credentials_file)
        return tuple(file for file in named if file is not None)

    def open(self, transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
        """A client, to be kept: making one, and a TLS connection, costs more than a request.

        Raises:
            ConfigurationError: the URL, the proxy, or one of the files is wrong.
        """
        return httpx.AsyncClient(
            base_url=check_url(self.url),
            verify=self.tls_context(),
            timeout=httpx.Timeout(self.timeout_s, connect=min(CONNECT_S, self.timeout_s)),
            proxy=self._proxy(),
            trust_env=self.proxy == FROM_ENVIRONMENT,
            transport=transport,
        )

    def open_blocking(self, timeout_s: float | None = None) -> httpx.Client:
        """The same for programs that wait for each answer.

        Raises:
            ConfigurationError: as `open`.
        """
        timeout_s = timeout_s or self.timeout_s
        return httpx.Client(
            base_url=check_url(self.url),
            verify=self.tls_context(),
            timeout=httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s)),
            proxy=self._proxy(),
            trust_env=self.proxy == FROM_ENVIRONMENT,
        )

    def tls_context(self) -> ssl.SSLContext:
        """What certificates to believe, and which to show.

        Raises:
            ConfigurationError: a file can't be read or doesn't hold what it should.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(
                f"ca_file {self.ca_file}: can't be used: {error.strerror or error}",
                hint="It must be a PEM file with the certificate of the centre's CA.",
            ) from error
        if self.certificate_file is not None:
            try:
                context.load_cert_chain(self.certificate_file, self.key_file)
            except OSError as error:
                raise ConfigurationError(
                    f"certificate_file {self.certificate_file}, key_file {self.key_file}: can't be used: "
                    f"{error.strerror or error}",
                    hint="Both must be PEM files, the key the certificate's and without a password.",
                ) from error
        return context

    def _proxy(self) -> httpx.Proxy | None:
        if self.proxy is None or self.proxy == FROM_ENVIRONMENT:
            return None
        try:
            return httpx.Proxy(self.proxy, auth=self._proxy_credentials())
        except (httpx.InvalidURL, ValueError) as error:
            raise ConfigurationError(
                f"proxy {self.proxy!r}: {error}", hint="Write it as http://proxy.example.com:3128, or `environment`."
            ) from error

    def _proxy_credentials(self) -> tuple[str, str] | None:
        if self.proxy_credentials_file is None:
            return None
        try:
            user, colon, password = self.proxy_credentials_file.read_text(encoding="utf-8").strip().partition(":")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"proxy_credentials_file {self.proxy_credentials_file}: can't be read: {error}",
                hint="It must be a text file, readable by the agent's user.",
            ) from error
        if not colon:
            raise ConfigurationError(
                f"proxy_credentials_file {self.proxy_credentials_file}: holds no USER:PASSWORD",
                hint="Write both on one line, with a colon between them.",
            )
        return user, password
