"""The agent's own HTTP server, on loopback: /healthz, /readyz, /status and /metrics.

It runs in a thread of its own and only reads snapshots, so that a busy agent still answers.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self

from prometheus_client.exposition import CONTENT_TYPE_LATEST

from agent.metrics import metrics_text
from agent.settings import HealthSettings
from agent.view import HealthView
from edge_runtime.errors import ConfigurationError


class HealthServer:
    """Serves a view until closed; a context manager."""

    def __init__(self, settings: HealthSettings, view: HealthView) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                match self.path.split("?")[0]:
                    case "/healthz":
                        self._json(*view.alive())
                    case "/readyz":
                        self._json(*view.ready())
                    case "/status":
                        self._json(True, view.document())
                    case "/metrics":
                        self._answer(200, CONTENT_TYPE_LATEST, metrics_text(view))
                    case _:
                        self._answer(404, "text/plain", b"try /healthz /readyz /status /metrics\n")

            def _json(self, good: bool, document: dict[str, object]) -> None:
                self._answer(200 if good else 503, "application/json", json.dumps(document).encode())

            def _answer(self, code: int, content_type: str, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Requests aren't logged."""

        try:
            self._server = ThreadingHTTPServer((settings.host, settings.port), Handler)
        except OSError as error:
            raise ConfigurationError(
                f"health: can't listen on {settings.host}:{settings.port}: {error.strerror}",
                hint="Set health.port to a free port (0 picks one); is another agent running?",
            ) from error
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
