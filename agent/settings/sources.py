"""Where readings come from."""

from typing import Self, TypeAlias

from pydantic import model_validator

from agent.settings.section import Section
from agent.sources.modbus.settings import ModbusSettings
from agent.sources.mqtt.settings import MqttSettings

OneSource: TypeAlias = ModbusSettings | MqttSettings


class SourceSettings(Section):
    """Where readings come from. Every sensor of the machine file is read by one source at most."""

    modbus: tuple[ModbusSettings, ...] = ()
    mqtt: tuple[MqttSettings, ...] = ()

    @property
    def every(self) -> tuple[OneSource, ...]:
        """All sources, whatever their kind."""
        return (*self.modbus, *self.mqtt)

    @model_validator(mode="after")
    def _unique(self) -> Self:
        if not self.every:
            raise ValueError("no source: name at least one under modbus or mqtt")
        names = [source.name for source in self.every]
        sensors = [sensor for source in self.every for sensor in sorted(source.sensors)]
        for kind, items in (("source name", names), ("sensor", sensors)):
            repeated = sorted({item for item in items if items.count(item) > 1})
            if repeated:
                raise ValueError(f"{kind} used twice: {', '.join(repeated)}")
        return self
