"""`hydrosight status`: how the running agent is."""

from agent.cli.diagnosis_view import show_diagnosis
from agent.cli.output import (
    DEFAULT,
    ConfigOption,
    JsonOption,
    console,
    print_json,
    print_table,
    reported_errors,
    settings_from,
    time_text,
)
from agent.running_agent import fetch_status
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.sensor_health import GOOD


def status(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Ask the running agent how each of its parts is, which sensors are unwell, and what it last diagnosed.

    Ends with 1 when no agent runs.

    Example: `hydrosight status`
    """
    with reported_errors():
        document = fetch_status(settings_from(config))
        if as_json:
            print_json(document)
            return
        conditions = document["conditions"]
        rows = [
            [part, "[green]works[/]" if one["healthy"] else "[bold red]fails[/]", one["message"], one["hint"]]
            for part, one in conditions.items()
        ]
        print_table("Agent", [("part", "left"), ("", "left"), ("what", "wrap"), ("what to do", "wrap")], rows, "")
        console.print(
            f"since start: {document['readings']:,} readings, {document['windows']:,} windows, "
            f"{document['alerts']:,} alerts raised or cleared; last reading {time_text(document['last_reading_us'])}"
        )
        unwell = [
            [name, f"[yellow]{one['state']}[/]", one["message"]]
            for name, one in document["sensors"].items()
            if one["state"] != GOOD
        ]
        if unwell:
            console.print()
            print_table("Sensors", [("sensor", "left"), ("", "left"), ("what", "wrap")], unwell, "")
        if document["diagnosis"]:
            console.print()
            show_diagnosis(Diagnosis.model_validate(document["diagnosis"]))
