"""`hydrosight sync dead-letters`: records that the centre refused, kept with its reason until somebody decides."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import msgspec
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
    size_text,
    time_text,
)
from agent.cli.store_access import open_store
from agent.dead_letter_requests import DeadLetterRequest, Verb
from agent.store.outbox import DeadLetter
from agent.store.reader import StoreReader
from edge_runtime.errors import HydrosightError

app = typer.Typer()
IdArgument = Annotated[int, typer.Argument(metavar="ID", help="As the list shows it.")]


@app.callback(invoke_without_command=True)
def dead_letters(context: typer.Context, config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """List the records that the centre refused: the rest went through without them, they are kept here.

    Example: `hydrosight sync dead-letters`
    """
    if context.invoked_subcommand:
        return
    with reported_errors():
        with open_store(config) as store:
            letters = store.dead_letters()
        if as_json:
            print_json([asdict(letter) for letter in letters])
            return
        columns = [
            ("id", "right"),
            ("what", "left"),
            ("of (UTC)", "left"),
            ("size", "right"),
            ("refused", "left"),
            ("why", "wrap"),
        ]
        rows = [
            [
                str(letter.id),
                letter.record_class.value,
                time_text(letter.time_us),
                size_text(letter.bytes),
                time_text(letter.refused_us),
                letter.reason,
            ]
            for letter in letters
        ]
        print_table("Dead letters", columns, rows, "The centre refused nothing.")
        if letters:
            console.print("\nTo send one again: hydrosight sync dead-letters retry ID; to give it up: … drop ID")


@app.command()
def show(dead_letter: IdArgument, config: ConfigOption = DEFAULT) -> None:
    """Print one with its whole content, as JSON.

    Example: `hydrosight sync dead-letters show 4`
    """
    with reported_errors(), open_store(config) as store:
        letter = _find(store, dead_letter)
        print_json({**asdict(letter), "content": msgspec.to_builtins(store.dead_letter_content(letter.id))})


@app.command()
def retry(dead_letter: IdArgument, config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Send one again, such as after the centre was upgraded. The running agent does it, within seconds.

    Example: `hydrosight sync dead-letters retry 4`
    """
    _ask(Verb.RETRY, dead_letter, config, as_json=as_json)


@app.command()
def drop(dead_letter: IdArgument, config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Give one up: the centre will never have it. It stays on the box, and the ledger of loss says so.

    Example: `hydrosight sync dead-letters drop 4`
    """
    _ask(Verb.DROP, dead_letter, config, as_json=as_json)


def _ask(verb: Verb, dead_letter: int, config: Path, *, as_json: bool) -> None:
    with reported_errors():
        with open_store(config) as store:
            letter = _find(store, dead_letter)
        DeadLetterRequest(verb, letter.id).ask(settings_from(config).dead_letter_requests)
        if as_json:
            print_json({"asked_for": verb, "id": letter.id})
            return
        console.print(f"Asked for: {verb} {letter.id}. The agent does it within seconds, or once it runs.")


def _find(store: StoreReader, dead_letter: int) -> DeadLetter:
    for letter in store.dead_letters():
        if letter.id == dead_letter:
            return letter
    raise HydrosightError(f"there is no dead letter {dead_letter}", hint="List them: hydrosight sync dead-letters")
