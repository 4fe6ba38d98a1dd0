"""`hydrosight model`: which model diagnoses, and going back to the former one."""

from pathlib import Path
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
from agent.models import Models
from edge_runtime.errors import UpdateError
from edge_runtime.machine_file import load_machine
from edge_runtime.slot_state import SlotName, SlotState
from edge_runtime.slots import Slots

app = typer.Typer(no_args_is_help=True, help="The diagnosis model in use, and its slots.")


@app.command("show")
def show(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Show the model in each slot, which one is active, and what happened to them.

    Example: `hydrosight model show`
    """
    with reported_errors():
        state = Slots(settings_from(config).slots_directory).state
        if as_json:
            print_json(state.model_dump(mode="json"))
            return
        columns = [("slot", "left"), ("", "left"), ("model", "left"), ("version", "left"), ("release", "right")]
        rows = [
            [slot.value, _role(state, slot), held.name, held.version, str(held.release)]
            for slot, held in state.content.items()
        ]
        print_table("Models", columns, rows, "No model is installed yet: the agent takes model.bundle when it starts.")
        for event in state.history[-5:]:
            console.print(f"[dim]release {event.release} {event.action.value.replace('_', ' ')}  {event.reason}[/]")


@app.command("roll-back")
def roll_back(
    config: ConfigOption = DEFAULT,
    reason: Annotated[str, typer.Option(help="Why; kept in the history.")] = "by hand",
    as_json: JsonOption = False,
) -> None:
    """Return to the former model. A running agent takes it up at its next start.

    Example: `hydrosight model roll-back --reason "calls each cold start a fault"`
    """
    with reported_errors():
        slots = Slots(settings_from(config).slots_directory)
        former = slots.roll_back(reason)
        if former is None:
            raise UpdateError("there is no former model to return to", hint="See `hydrosight model show`.")
        _say(
            f"Back to the model of slot {former.name}. Restart the agent: systemctl restart hydrosight",
            slots,
            as_json=as_json,
        )


@app.command("confirm")
def confirm(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """End the probation of the model in use: it stays.

    Example: `hydrosight model confirm`
    """
    with reported_errors():
        slots = Slots(settings_from(config).slots_directory)
        slots.confirm()
        _say("The model in use stays.", slots, as_json=as_json)


@app.command("install")
def install(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder.")],
    config: ConfigOption = DEFAULT,
    allow_older: Annotated[
        bool, typer.Option("--allow-older", help="Take a release that isn't above all this box has had.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Put a bundle from a folder into the idle slot and make it the active one, on probation.

    It must reproduce its golden windows first. A running agent takes it up at its next start.

    Example: `hydrosight model install zema-rig-1.4.0`
    """
    with reported_errors():
        settings = settings_from(config)
        slots = Slots(settings.slots_directory)
        models = Models(load_machine(settings.machine), slots, bundle, threads=1, probation_windows=1)
        manifest = models.load(bundle).bundle.manifest
        slots.install(bundle, allow_older=allow_older)
        slots.activate(settings.model.probation_windows)
        _say(
            f"{manifest.name} {manifest.version} is active. Restart the agent: systemctl restart hydrosight",
            slots,
            as_json=as_json,
        )


def _say(words: str, slots: Slots, *, as_json: bool) -> None:
    """What was done, in words; for scripts how the slots are now, as `show` prints them."""
    if as_json:
        print_json(slots.state.model_dump(mode="json"))
    else:
        console.print(words, soft_wrap=True)


def _role(state: SlotState, slot: SlotName) -> str:
    if slot == state.active:
        return f"active, {state.probation_left} windows of probation left" if state.probation_left else "active"
    return "the way back" if slot == state.previous else "idle"
