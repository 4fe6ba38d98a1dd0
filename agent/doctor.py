"""What is usually wrong with an installation, one check each; every finding says what to do."""

import asyncio
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

import httpx

from agent.box_clock import BoxClock
from agent.configuration import load_machine_for, machine_as_read
from agent.models import Models
from agent.reload_plan import CENTRE
from agent.running_agent import fetch_status
from agent.settings import AgentSettings, BrokerSettings, CentreSettings, load_settings
from agent.sources.modbus.connection import ModbusConnection
from agent.sources.modbus.group_poll import GroupPoll
from agent.sources.modbus.settings import ModbusSettings
from agent.sources.mqtt.settings import MqttSettings
from agent.sources.poll_schedule import PollSchedule
from cloud_sync.edge.credential import read_credential
from edge_runtime.advice import load_advice
from edge_runtime.baseline.shelf import BaselineShelf
from edge_runtime.basis import unfit_for
from edge_runtime.bundle import open_bundle
from edge_runtime.clock import ClockState
from edge_runtime.errors import CentreError, HydrosightError, SourceError
from edge_runtime.features.physics.possible import possible_residuals
from edge_runtime.machine import Machine
from edge_runtime.sensor_health import GOOD
from edge_runtime.slots import Slots

TIMEOUT_S = 5.0


class Verdict(StrEnum):
    """What a check comes to."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was looked at, the verdict, what was found, what to do about it."""

    what: str
    verdict: Verdict
    found: str
    remedy: str = ""


def examine(config: Path) -> Iterator[Check]:
    """Make every check that the settings allow, in the order in which things depend on each other."""
    try:
        settings = load_settings(config)
    except HydrosightError as error:
        yield Check("settings", Verdict.BAD, str(error), error.hint)
        return
    yield Check("settings", Verdict.GOOD, str(config))
    try:
        machine = load_machine_for(settings)
    except HydrosightError as error:
        yield Check("machine file", Verdict.BAD, str(error), error.hint)
        return
    yield _coverage(settings, machine)
    yield _residuals(machine_as_read(settings, machine))
    if settings.advice:
        advice = settings.advice
        yield _guarded("advice", lambda: _advice(advice))
    for device in settings.sources.modbus:
        yield _guarded(f"modbus {device.name}", partial(_modbus, device))
    for broker in settings.sources.mqtt:
        yield _reachable(f"mqtt {broker.name}", broker)
    if settings.broker:
        yield _reachable("alerts broker", settings.broker)
    yield _clock(settings)
    yield _disk(settings)
    yield from _sensors(settings)
    yield _model(settings, machine)
    yield _guarded("baseline", lambda: _baseline(settings, machine))
    if settings.centre:
        centre = settings.centre
        yield _guarded("centre", lambda: _centre(centre))
        yield _guarded("enrolment", lambda: _enrolment(settings))


def _guarded(what: str, check: Callable[[], str]) -> Check:
    try:
        return Check(what, Verdict.GOOD, check())
    except HydrosightError as error:
        return Check(what, Verdict.BAD, str(error), error.hint)


def _coverage(settings: AgentSettings, machine: Machine) -> Check:
    read = {sensor for one in settings.sources.every for sensor in one.sensors}
    if any(one.takes_any for one in settings.sources.mqtt):
        found = (
            f"{machine.name}: {len(machine.components)} components, {len(machine.sensors)} sensors; topics name them"
        )
        return Check("machine file", Verdict.GOOD, found)
    missing = [name for name in machine.sensor_index if name not in read]
    found = f"{machine.name}: {len(machine.components)} components, {len(read)} of {len(machine.sensors)} sensors read"
    if not missing:
        return Check("machine file", Verdict.GOOD, found)
    return Check(
        "machine file", Verdict.WARNING, found, f"No source reads {', '.join(missing)}: add them to `sources`."
    )


def _residuals(machine: Machine) -> Check:
    found = tuple(possible_residuals(machine))
    possible = sum(one.possible for one in found)
    remedy = "" if possible == len(found) else "See which sensors would add to them: hydrosight doctor --residuals."
    return Check("residuals", Verdict.GOOD, f"{possible} of {len(found)} can be computed", remedy)


def _advice(file: Path) -> str:
    """Read the operator's own advice.

    Raises:
        ConfigurationError: it is missing or wrong.
    """
    load_advice(file)
    return f"{file}, before the rules that come with Hydrosight"


def _modbus(settings: ModbusSettings) -> str:
    """Read every sensor once.

    Raises:
        SourceError: it can't be reached, or refuses a register.
    """

    async def read_all() -> int:
        connection = ModbusConnection(settings)
        try:
            await connection.connect()
            for group in settings.groups:
                unit_id = settings.unit_of(group)
                poll = GroupPoll(group, unit_id, settings.limits_of(group), PollSchedule(group.period_s, 0.0))
                result = await poll.poll(partial(connection.read, unit_id), lambda: 0, 0.0)
                for refusal in result.refusals:
                    raise refusal
                if poll.missing:
                    raise SourceError(
                        f"{connection}: unit {unit_id} has no {', '.join(map(str, poll.missing))}",
                        hint="Compare with the device's manual, or look with `hydrosight modbus scan`.",
                    )
        finally:
            connection.close()
        return len(settings.sensors)

    return f"{settings.transport} answers; {asyncio.run(read_all())} sensors read"


def _reachable(what: str, broker: MqttSettings | BrokerSettings) -> Check:
    address = f"{broker.host}:{broker.port}"
    try:
        socket.create_connection((broker.host, broker.port), TIMEOUT_S).close()
    except OSError as error:
        remedy = f"Check that the broker runs and that {address} can be reached from this box."
        return Check(what, Verdict.BAD, f"{address}: {error}", remedy)
    return Check(what, Verdict.GOOD, f"{address} accepts connections")


def _clock(settings: AgentSettings) -> Check:
    assessment = BoxClock(settings.clock_floor_file).assess()
    match assessment.state:
        case ClockState.SYNCED:
            return Check("clock", Verdict.GOOD, "synchronised")
        case ClockState.BOUNDED:
            remedy = "Start a time service (systemd-timesyncd, chrony). Until then updates may be refused as expired."
            return Check("clock", Verdict.WARNING, "not synchronised, but not before a moment known to be past", remedy)
        case ClockState.SUSPECT:
            remedy = "Set the clock (timedatectl set-time) or start a time service; `timedatectl` shows its state."
            return Check("clock", Verdict.BAD, "before a moment that is known to be past", remedy)


def _disk(settings: AgentSettings) -> Check:
    folder = settings.data_directory
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        remedy = "Give it to the agent's user, or ask as that user: runuser -u hydrosight -- hydrosight doctor"
        return Check("disk", Verdict.BAD, f"{folder}: this user may not write there", remedy)
    free = shutil.disk_usage(folder).free
    needed = settings.store.min_free_bytes
    size = settings.store_file.stat().st_size if settings.store_file.exists() else 0
    found = f"{free / 1e9:.1f} GB free at {folder}, the store may grow to {settings.store.max_bytes / 1e9:.1f} GB"
    if free < needed:
        return Check("disk", Verdict.BAD, found, "Free some space: the agent sheds its oldest readings meanwhile.")
    if free - needed < settings.store.max_bytes - size:
        return Check("disk", Verdict.WARNING, found, "Lower store.max_bytes, or use a larger disk.")
    return Check("disk", Verdict.GOOD, found)


def _sensors(settings: AgentSettings) -> Iterator[Check]:
    """How the sensors are, while an agent runs that knows it."""
    try:
        states = fetch_status(settings)["sensors"]
    except HydrosightError:
        return
    unwell: dict[str, list[str]] = {}
    for name, one in states.items():
        if one["state"] != GOOD:
            unwell.setdefault(one["message"], []).append(name)
    good = len(states) - sum(map(len, unwell.values()))
    found = f"{good} of {len(states)} sensors give good readings"
    if not unwell:
        yield Check("sensors", Verdict.GOOD, found)
    else:
        remedy = "Check these sensors, their cables and sources: "
        remedy += "; ".join(f"{', '.join(names)} {message}" for message, names in unwell.items())
        yield Check("sensors", Verdict.WARNING, found, remedy)


def _model(settings: AgentSettings, machine: Machine) -> Check:
    """Open and prove the model that the agent would start with, and see whether it is one of this machine."""
    models = Models(machine, Slots(settings.slots_directory), settings.model.bundle, threads=1, probation_windows=1)
    try:
        manifest = models.load(_bundle_in_use(settings)).bundle.manifest
    except HydrosightError as error:
        return Check("model", Verdict.BAD, str(error), error.hint)
    unfit = [why for condition in machine.conditions if (why := unfit_for(condition, manifest))]
    if unfit:
        remedy = "Its components won't be judged. Take a model of this machine: hydrosight model install BUNDLE"
        return Check("model", Verdict.WARNING, "; ".join(unfit), remedy)
    found = f"{manifest.name} {manifest.version} (release {manifest.release}) reproduces its golden windows"
    return Check("model", Verdict.GOOD, found)


def _bundle_in_use(settings: AgentSettings) -> Path:
    return Slots(settings.slots_directory).active or settings.model.bundle


def _baseline(settings: AgentSettings, machine: Machine) -> str:
    """Read the machine's healthy baseline.

    Raises:
        BaselineError: it is damaged, or of other sensors, or of other windows than the model's.
    """
    baseline = BaselineShelf(settings.baseline_directory).active()
    if baseline is None:
        return "none in use; once the machine is in order: hydrosight baseline learn"
    try:
        window_s = open_bundle(_bundle_in_use(settings)).manifest.window_s
    except HydrosightError:  # the check of the model says so
        window_s = baseline.window_s
    baseline.check_fits(machine, window_s)
    return f"version {baseline.version}, learned {baseline.created:%Y-%m-%d} from {baseline.windows} windows"


def _centre(centre: CentreSettings) -> str:
    """Ask the centre whether it is ready.

    Raises:
        HydrosightError: it doesn't answer, or not as one that is ready.
    """
    url = f"{centre.url.rstrip('/')}/health/ready"
    try:
        with centre.link.open_blocking(TIMEOUT_S) as client:
            answer = client.get(url)
    except httpx.HTTPError as error:
        hint = "Check the network, centre.url and centre.ca_file. Diagnosis goes on without the centre."
        raise HydrosightError(f"{url}: {error}", hint=hint) from error
    if answer.status_code != httpx.codes.OK:
        raise HydrosightError(
            f"{url}: answers {answer.status_code}", hint="The centre isn't ready: `hydrosight-cloud db status` there."
        )
    return f"{centre.url} is ready"


def _enrolment(settings: AgentSettings) -> str:
    """Read this box's credential, and ask the agent, where one runs, whether the centre still takes it.

    Raises:
        CredentialError: there is none, or others can read it.
        CentreError: the agent sends in vain.
    """
    enrolled = f"enrolled as {read_credential(settings.credential_file).agent}"
    try:
        uplink = fetch_status(settings)["conditions"].get(CENTRE)
    except HydrosightError:  # none runs
        return enrolled
    if uplink is not None and not uplink["healthy"]:
        raise CentreError(f"{enrolled}, but nothing gets through: {uplink['message']}", hint=uplink["hint"])
    return enrolled
