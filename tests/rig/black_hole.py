"""A network that swallows: connections are accepted, and nothing ever comes back."""

import socket
import threading
from types import TracebackType
from typing import Self


class BlackHole:
    """Listens on a loopback port for as long as the `with` block lasts.

    Attributes:
        connections: how many were swallowed.
    """

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self._swallowed: list[socket.socket] = []
        self._thread = threading.Thread(target=self._swallow, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    @property
    def connections(self) -> int:
        """How many connections it has taken."""
        return len(self._swallowed)

    def _swallow(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._swallowed.append(connection)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._swallowed:
            connection.close()
        self._thread.join()
