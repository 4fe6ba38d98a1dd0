"""`hydrosight sync …`: what the box and the centre know of each other's data."""

import typer

from agent.cli import reconcile

app = typer.Typer(no_args_is_help=True, help="What reached the centre, what waits for it, and what doesn't get there.")
app.command("reconcile")(reconcile.reconcile)
