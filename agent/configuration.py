"""What the agent runs on: settings, machine file and advice, each validated whole and held against the others.

A document from the centre may be laid over the box's own settings; see agent/remote.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from agent.remote.document import RemoteDocument
from agent.remote.trial_file import TrialFile
from agent.settings import AgentSettings, load_settings
from edge_runtime.advice import AdviceBook, load_advice, shipped_advice
from edge_runtime.errors import ConfigurationError, UpdateError
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine

log = structlog.get_logger("agent.configuration")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings and the machine they are for.

    Attributes:
        settings: those in force.
        local: those of the box's own file.
        remote: the document that is laid over them; None without one.
        advice: what to do about a fault, the operator's own rules first.
    """

    settings: AgentSettings
    machine: Machine
    local: AgentSettings
    remote: RemoteDocument | None = None
    advice: AdviceBook = field(default_factory=shipped_advice)

    def under(self, document: RemoteDocument | None) -> "Configuration":
        """The same box under another document, or under none.

        Raises:
            ConfigurationError: the document is wrong, or doesn't fit the machine.
        """
        settings = document.over(self.local) if document else self.local
        _check_sensors(settings, self.machine)
        return replace(self, settings=settings, remote=document)

    @property
    def unread_sensors(self) -> tuple[str, ...]:
        """Sensors of the machine that no source reads, as far as settings can tell: topics may name any."""
        if any(source.takes_any for source in self.settings.sources.mqtt):
            return ()
        read = {sensor for source in self.settings.sources.every for sensor in source.sensors}
        return tuple(name for name in self.machine.sensor_index if name not in read)


def load_configuration(path: Path) -> Configuration:
    """Read and check the settings file, the machine file that it names, and the centre's document, if one is in force.

    Raises:
        ConfigurationError: one is wrong, or they contradict each other; says where and what would be right.
        UpdateError: the record of the centre's documents can't be read.
    """
    own = load_own(path)
    if own.local.remote_settings is None:
        return own
    return own.under(TrialFile(own.local.remote_trial_file).read().active)


def load_own(path: Path) -> Configuration:
    """The same without the centre's document.

    Raises:
        ConfigurationError: a file is wrong, or they contradict each other.
    """
    settings = load_settings(path)
    return Configuration(settings, load_machine_for(settings), settings, advice=load_advice(settings.advice))


def configuration_to_start_with(path: Path) -> Configuration:
    """The configuration of a new run, which counts as a start on probation.

    A document that doesn't fit any more is given up, and its record left alone when it can't be used: the box's own
    settings always work.

    Raises:
        ConfigurationError: the box's own files are wrong.
    """
    own = load_own(path)
    if own.local.remote_settings is None:
        return own
    file = TrialFile(own.local.remote_trial_file)
    try:
        before = file.read()
        trial = before.started()
        while trial.active:
            try:
                configuration = own.under(trial.active)
            except ConfigurationError as error:
                trial = trial.rolled_back(str(error))
            else:
                break
        else:
            configuration = own
        if trial != before:
            file.write(trial)
    except UpdateError as error:
        log.warning("remote_settings_unusable", error=str(error), hint=error.hint)
        return own
    return configuration


def load_machine_for(settings: AgentSettings) -> Machine:
    """The machine, with every sensor that a source names checked against it.

    Raises:
        ConfigurationError: the machine file is wrong, or a source names a sensor that the machine hasn't.
    """
    machine = load_machine(settings.machine)
    _check_sensors(settings, machine)
    return machine


def machine_as_read(settings: AgentSettings, machine: Machine) -> Machine:
    """The machine with its sensors at the rates at which the sources poll them, where that is slower."""
    pauses_s = {name: pause_s for one in settings.sources.modbus for name, pause_s in one.longest_pause_s.items()}
    sensors = tuple(
        sensor.model_copy(update={"rate_hz": min(sensor.rate_hz, 1.0 / pauses_s[sensor.name])})
        if pauses_s.get(sensor.name)
        else sensor
        for sensor in machine.sensors
    )
    return machine.model_copy(update={"sensors": sensors})


def _check_sensors(settings: AgentSettings, machine: Machine) -> None:
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
