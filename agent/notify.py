"""Tell systemd how the service is doing (sd_notify): ready, status, watchdog, stopping.

A message that nobody takes is dropped: should systemd miss it, it is the watchdog's affair, not the agent's end.
"""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path


class Notifier:
    """Sends to NOTIFY_SOCKET; does nothing when the service wasn't started by systemd."""

    def __init__(self, address: str | None = None) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET") if address is None else address

    def ready(self) -> None:
        """Start-up, or taking up other settings, is over."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Settings are being taken up; `ready` ends it. The time tells systemd which of its requests is meant."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The service is on its way out."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """Ping the watchdog. Call it only when every task has made progress."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else str(Path(self._address))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel, suppress(OSError):
            channel.setblocking(False)
            channel.sendto(message.encode(), address)


def watchdog_interval_s() -> float | None:
    """How often systemd wants to hear from this process: half of WATCHDOG_USEC; None without a watchdog."""
    usec, pid = os.environ.get("WATCHDOG_USEC"), os.environ.get("WATCHDOG_PID")
    if not usec or (pid and int(pid) != os.getpid()):
        return None
    return int(usec) / 2e6
