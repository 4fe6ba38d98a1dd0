"""What the agent runs on: its settings and the machine file, each validated whole and held against the other."""

from dataclasses import dataclass
from pathlib import Path

from agent.settings import AgentSettings, load_settings
from edge_runtime.errors import ConfigurationError
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings and the machine they are for."""

    settings: AgentSettings
    machine: Machine

    @property
    def unread_sensors(self) -> tuple[str, ...]:
        """Sensors of the machine that no source reads."""
        read = {sensor for source in self.settings.sources.every for sensor in source.sensors}
        return tuple(name for name in self.machine.sensor_index if name not in read)


def load_configuration(path: Path) -> Configuration:
    """Read and check the settings file and the machine file that it names.

    Raises:
        ConfigurationError: either is wrong, or they contradict each other; says where and what would be right.
    """
    settings = load_settings(path)
    return Configuration(settings, load_machine_for(settings))


def load_machine_for(settings: AgentSettings) -> Machine:
    """The machine, with every sensor that a source names checked against it.

    Raises:
        ConfigurationError: the machine file is wrong, or a source names a sensor that the machine hasn't.
    """
    machine = load_machine(settings.machine)
    naming = {f"source {source.name}": source.sensors for source in settings.sources.every}
    if settings.store.thinning:
        naming["store.thinning.triggers"] = frozenset(one.sensor for one in settings.store.thinning.triggers)
    for where, sensors in naming.items():
        unknown = sorted(sensors - set(machine.sensor_index))
        if unknown:
            raise ConfigurationError(
                f"{where}: machine {machine.name} has no sensor {', '.join(unknown)}",
                hint=f"Sensors are named in {settings.machine}: {', '.join(machine.sensor_index)}.",
            )
    return machine
