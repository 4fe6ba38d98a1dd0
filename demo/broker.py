"""An embedded MQTT broker: amqtt, on a loopback port, open to everybody on this machine."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from demo.process import Process, Processes, accepts_connections, free_port, program


@dataclass(frozen=True)
class Broker:
    """A running broker."""

    process: Process
    port: int

    @classmethod
    async def start(cls, processes: Processes, folder: Path) -> "Broker":
        """Start it with its configuration in `folder`.

        Raises:
            DemoError: it doesn't start.
        """
        port = free_port()
        configuration = folder / "broker.yaml"
        configuration.write_text(
            yaml.safe_dump(
                {
                    "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
                    "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
                }
            )
        )
        process = await processes.start(
            "the MQTT broker", [program("amqtt"), "-c", configuration], folder / "broker.log"
        )
        await process.until(lambda: accepts_connections(port))
        return cls(process, port)
