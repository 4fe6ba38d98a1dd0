"""The commands of our programs, as their entry points have them."""

import importlib
import importlib.metadata
from collections.abc import Iterator

import typer
from typer.core import TyperCommand, TyperGroup


def program(name: str) -> TyperGroup:
    """What this program's entry point runs."""
    (script,) = importlib.metadata.entry_points(group="console_scripts", name=name)
    command = typer.main.get_command(importlib.import_module(script.module).app)
    assert isinstance(command, TyperGroup)
    return command


def commands(command: TyperCommand | TyperGroup, path: str) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
    """Everything that can be run, by its words; a group only where it does something by itself."""
    if isinstance(command, TyperCommand) or command.invoke_without_command:
        yield path, command
    if isinstance(command, TyperGroup):
        for name, one in command.commands.items():
            assert isinstance(one, TyperCommand | TyperGroup)
            yield from commands(one, f"{path} {name}")
