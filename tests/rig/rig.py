"""Everything that stands around a machine, as real processes: broker, machine, boxes, centre."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.models import agent_version
from cloud_sync.edge.credential import write_credential
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from edge_runtime.machine_file import load_machine
from tests.rig.agent import HEALTHY, Agent
from tests.rig.listener import Listener
from tests.rig.recordings import MACHINE
from tests.rig.simulator import Simulator
from tests.servers.centre import Centre
from tests.servers.mosquitto import Mosquitto

MACHINE_NAME = load_machine(MACHINE).name


class Rig:
    """A `with` block in which broker and machine can be used; whatever was started in it is gone at its end."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self.folder = folder
        (folder / "mosquitto").mkdir(parents=True)
        self.broker = Mosquitto(folder / "mosquitto")
        self._stack.callback(self.broker.stop)
        self.simulator = Simulator(folder, self.broker.port)
        self._stack.callback(self.simulator.kill)

    def agent(self, name: str = "box", *, level_bias: float = HEALTHY) -> Agent:
        """A box at the machine, not started yet."""
        agent = Agent(
            self.folder / name,
            modbus_port=self.simulator.modbus_port,
            broker_port=self.broker.port,
            level_bias=level_bias,
        )
        self._stack.callback(agent.kill)
        return agent

    def centre(self, database_url: str, *options: str, **settings: str) -> Centre:
        """A running centre."""
        centre = Centre(database_url, self.folder / "centre.log", *options, **settings)
        self._stack.callback(centre.kill)
        return centre

    def listener(self) -> Listener:
        """A subscriber to all that the box publishes."""
        return self._stack.enter_context(Listener(self.broker.port))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()


def enrol_at(centre: Centre, agent: Agent) -> None:
    """Let the box in at the centre."""
    token = centre.token(MACHINE_NAME)
    agent.settings["centre"] = {"url": centre.url, "spread_s": 0.0}
    agent.data.mkdir(parents=True, exist_ok=True)
    enrolment = enrol(Link(centre.url), token, MACHINE_NAME, agent_version(), MACHINE.read_text(encoding="utf-8"))
    write_credential(agent.data / "credential.json", enrolment)
