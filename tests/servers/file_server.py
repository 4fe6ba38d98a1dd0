"""A real HTTP server over a folder, with byte ranges, that can be told to misbehave."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self


class FileServer:
    """Serves `folder` on a free loopback port while it is entered.

    Attributes:
        folder: what is served; may be changed at any time.
        requests: path and Range header of each request so far.
        false_replies: by path, what is sent instead of the file.
        status: sent to every request instead of an answer, if set.
        cut_after: close the connection after so many bytes of a target's body, if set.
        ranges: whether byte ranges are understood.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[tuple[str, str | None]] = []
        self.false_replies: dict[str, bytes] = {}
        self.status: int | None = None
        self.cut_after: int | None = None
        self.ranges = True
        self.bytes_sent = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(outer) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("range") if outer.ranges else None
                outer.requests.append((self.path, self.headers.get("range")))
                content = outer.false_replies.get(self.path)
                file = outer.folder / self.path.lstrip("/")
                if content is None and file.is_file():
                    content = file.read_bytes()
                if outer.status is not None or content is None:
                    self.send_error(outer.status or 404)
                    return
                start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
                if start >= len(content) and wanted:
                    self.send_error(416)
                    return
                self.send_response(206 if wanted else 200)
                if wanted:
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                body = content[start:]
                if outer.cut_after is not None and self.path.startswith("/targets/"):
                    body = body[: outer.cut_after]
                    self.close_connection = True
                outer.bytes_sent += len(body) if self.path.startswith("/targets/") else 0
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
