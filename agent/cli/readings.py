"""`hydrosight readings`: the newest reading of each sensor."""

from datetime import UTC, datetime

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
from agent.cli.store_access import open_store
from edge_runtime.machine import Machine, Sensor
from edge_runtime.machine_file import load_machine
from edge_runtime.quality import Quality
from edge_runtime.reading import Reading

_STYLE = {Quality.GOOD: "green", Quality.UNCERTAIN: "yellow", Quality.BAD: "bold red"}


def readings(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Show the newest stored reading of each sensor, with its quality and where it sits."""
    with reported_errors():
        machine = load_machine(settings_from(config).machine)
        with open_store(config) as store:
            latest = {reading.sensor: reading for reading in store.latest_readings()}
        if as_json:
            print_json([_document(sensor, latest.get(sensor.name)) for sensor in machine.sensors])
        else:
            _print(machine, latest)


def _document(sensor: Sensor, reading: Reading | None) -> dict[str, object]:
    document: dict[str, object] = {"sensor": sensor.name, "unit": sensor.unit, "component": sensor.component}
    if reading is not None:
        document |= {
            "value": reading.value if reading.value == reading.value else None,
            "quality": reading.quality.name.lower(),
            "source_time": _iso(reading.source_time_us),
            "received_time": _iso(reading.received_time_us),
        }
    return document


def _print(machine: Machine, latest: dict[str, Reading]) -> None:
    rows = []
    for sensor in machine.sensors:
        reading = latest.get(sensor.name)
        place = f"{sensor.component}.{sensor.port.value}"
        if reading is None:
            rows.append([sensor.name, "–", sensor.unit, "[bold red]never[/]", "–", place])
            continue
        quality = f"[{_STYLE[reading.quality]}]{reading.quality.name.lower()}[/]"
        inside = sensor.valid_min <= reading.value <= sensor.valid_max
        if reading.quality is Quality.GOOD and not inside:
            quality = f"[yellow]outside {sensor.valid_min:g} … {sensor.valid_max:g}[/]"
        rows.append(
            [sensor.name, f"{reading.value:.3f}", sensor.unit, quality, time_text(reading.source_time_us), place]
        )
    columns = [
        ("sensor", "left"),
        ("value", "right"),
        ("unit", "left"),
        ("quality", "left"),
        ("source time (UTC)", "left"),
    ]
    print_table(machine.name, [*columns, ("measured at", "left")], rows, "The machine file names no sensors.")


def _iso(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
