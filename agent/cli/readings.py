"""`hydrosight readings`: the newest reading of each sensor, and how the sensor is."""

import time
from contextlib import suppress

import typer

from agent.cli.output import (
    DEFAULT,
    ConfigOption,
    JsonOption,
    print_json,
    print_table,
    reported_errors,
    settings_from,
    time_text,
)
from agent.cli.readings_export import export
from agent.cli.store_access import open_store
from agent.running_agent import fetch_status
from agent.settings import AgentSettings
from edge_runtime.errors import HydrosightError
from edge_runtime.machine import Machine, Sensor
from edge_runtime.machine_file import load_machine
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading
from edge_runtime.utc import utc_datetime

_STYLE = {Quality.GOOD: "green", Quality.UNCERTAIN: "yellow", Quality.BAD: "bold red"}


app = typer.Typer()
app.command("export")(export)


@app.callback(invoke_without_command=True)
def readings(context: typer.Context, config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Show the newest stored reading of each sensor: its quality, with the reason where it isn't good, and its place.

    While the agent runs, also how the sensor is: what most of its readings were of late.

    Example: `hydrosight readings --json`
    """
    if context.invoked_subcommand:
        return
    with reported_errors():
        settings = settings_from(config)
        machine = load_machine(settings.machine)
        with open_store(config) as store:
            latest = {reading.sensor: reading for reading in store.latest_readings()}
        states = _states(settings)
        if as_json:
            print_json([_document(sensor, latest.get(sensor.name), states) for sensor in machine.sensors])
        else:
            _print(machine, latest, states, time.time_ns() // 1000)


def _states(settings: AgentSettings) -> dict[str, str]:
    """How each sensor is, as the running agent has it; none while no agent runs."""
    with suppress(HydrosightError):
        return {name: one["state"] for name, one in fetch_status(settings)["sensors"].items()}
    return {}


def _document(sensor: Sensor, reading: Reading | None, states: dict[str, str]) -> dict[str, object]:
    document: dict[str, object] = {"sensor": sensor.name, "unit": sensor.unit, "component": sensor.component}
    if sensor.name in states:
        document["state"] = states[sensor.name]
    if reading is not None:
        document |= {
            "value": reading.value if reading.value == reading.value else None,
            "quality": reading.quality.name.lower(),
            "reason": reading.reason.name.lower(),
            "source_time": _iso(reading.source_time_us),
            "received_time": _iso(reading.received_time_us),
        }
    return document


def _print(machine: Machine, latest: dict[str, Reading], states: dict[str, str], now_us: int) -> None:
    rows = []
    for sensor in machine.sensors:
        reading = latest.get(sensor.name)
        place = f"{sensor.component}.{sensor.port.value}"
        state = states.get(sensor.name, "–")
        if reading is None:
            rows.append([sensor.name, "–", sensor.unit, "[bold red]never[/]", state, "–", place])
            continue
        reason = f": {reading.reason.words}" if reading.reason else ""
        quality = f"[{_STYLE[reading.quality]}]{reading.quality.name.lower()}[/]{reason}"
        value, when = f"{reading.value:.3f}", _time_text(reading.source_time_us, now_us)
        rows.append([sensor.name, value, sensor.unit, quality, state, when, place])
    columns = [
        ("sensor", "left"),
        ("value", "right"),
        ("unit", "left"),
        ("quality", "left"),
        ("sensor is", "left"),
        ("at (UTC)", "left"),
    ]
    print_table(machine.name, [*columns, ("measured at", "wrap")], rows, "The machine file names no sensors.")


def _time_text(time_us: int, now_us: int) -> str:
    """When, with its date unless that is today's."""
    date, _, time_of_day = time_text(time_us).partition(" ")
    return time_of_day if time_text(now_us).startswith(date) else f"{date} {time_of_day}"


def _iso(time_us: int) -> str:
    return utc_datetime(time_us).isoformat(timespec="milliseconds").replace("+00:00", "Z")
