"""Run the app under uvicorn: bind first, say where once it answers, stop on SIGINT and SIGTERM."""

import resource
import socket
from collections.abc import Callable

import uvicorn

from cloud_sync.cloud.api.app import create_app
from cloud_sync.cloud.load.connections import limited_connection
from cloud_sync.cloud.metrics import CentreMetrics
from cloud_sync.cloud.settings import CloudSettings
from edge_runtime.errors import ConfigurationError

_OTHER_FILES = 256


class _AnnouncingServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


def serve(settings: CloudSettings, announce: Callable[[str], None]) -> None:
    """Serve until told to stop. `announce` gets the service's URL when it answers.

    Raises:
        ConfigurationError: the address can't be bound, the certificate can't be loaded, or no database is set.
    """
    metrics = CentreMetrics()
    _allow_open_files(settings.max_connections)
    config = uvicorn.Config(
        create_app(settings, metrics),
        http=limited_connection(settings, metrics),
        ws="none",
        h11_max_incomplete_event_size=settings.head_bytes,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=10,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(
            f"tls_cert {settings.tls_cert}, tls_key {settings.tls_key}: can't be used: {error}",
            hint="Both must be PEM files, and the key the certificate's.",
        ) from error
    with _bind(settings.host, settings.port, settings.body_timeout_s) as listener:
        scheme = "http" if settings.tls_cert is None else "https"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"{scheme}://{host}:{listener.getsockname()[1]}"
        _AnnouncingServer(config, lambda: announce(url)).run(sockets=[listener])


def _allow_open_files(connections: int) -> None:
    """Each connection is an open file, and the usual limit of a process is 1024; it may raise that by itself."""
    wanted = connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def _bind(host: str, port: int, silence_s: float) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigurationError(
            f"can't listen on {host} port {port}: {error.strerror}",
            hint="Name another address or port (--host, --port; port 0 takes a free one).",
        ) from error
    # asyncio sets this only on sockets made with an explicit protocol; without it each answer waits 40 ms for the
    # client's delayed acknowledgement (Nagle). Accepted connections inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Who doesn't take his answer, or is gone without a word, is let go.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(silence_s * 1000))
    return listener
