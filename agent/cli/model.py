"""`hydrosight model`: which model diagnoses, and going back to the former one."""

from typing import Annotated

import typer

from agent.cli.output import (
    DEFAULT,
    ConfigOption,
    JsonOption,
    console,
    print_json,
    print_table,
    reported_errors,
    settings_from,
)
from edge_runtime.bundle import open_bundle
from edge_runtime.errors import BundleError, UpdateError
from edge_runtime.slots import Slots

app = typer.Typer(no_args_is_help=True, help="The diagnosis model in use, and its slots.")


@app.command("show")
def show(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Show the model in each slot, which one is active, and why it changed."""
    with reported_errors():
        slots = Slots(settings_from(config).slots_directory)
        rows = [_describe(slots, path) for path in slots.occupied()]
        if as_json:
            print_json(
                {
                    "slots": rows,
                    "on_probation": slots.on_probation,
                    "highest_release": slots.highest_release,
                    "history": [event.model_dump(mode="json") for event in slots.history],
                }
            )
            return
        columns = [
            ("slot", "left"),
            ("", "left"),
            ("model", "left"),
            ("version", "left"),
            ("release", "right"),
            ("sha256", "left"),
        ]
        table = [
            [row["slot"], row["state"], row["name"], row["version"], row["release"], row["sha256"][:12]] for row in rows
        ]
        print_table(
            "Models", columns, table, "No model is installed yet: the agent installs model.bundle when it starts."
        )
        for event in slots.history[-5:]:
            console.print(f"[dim]{event.describe()}[/]")


@app.command("rollback")
def rollback(
    config: ConfigOption = DEFAULT,
    reason: Annotated[str, typer.Option(help="Why; kept in the history.")] = "by hand",
) -> None:
    """Return to the former model. A running agent takes it up at its next start."""
    with reported_errors():
        former = Slots(settings_from(config).slots_directory).roll_back(reason)
        if former is None:
            raise UpdateError("there is no former model to return to", hint="See `hydrosight model show`.")
        console.print(f"Back to {former.name}. Restart the agent: systemctl restart hydrosight")


def _describe(slots: Slots, path: "Slots.Path") -> dict[str, str]:
    active = "active" if path == slots.active else "idle"
    state = f"{active}, on probation" if active == "active" and slots.on_probation else active
    try:
        bundle = open_bundle(path)
    except BundleError as error:
        return {"slot": path.name, "state": f"damaged: {error}", "name": "", "version": "", "release": "", "sha256": ""}
    manifest = bundle.manifest
    return {
        "slot": path.name,
        "state": state,
        "name": manifest.name,
        "version": manifest.version,
        "release": str(manifest.release),
        "sha256": bundle.sha256,
    }
