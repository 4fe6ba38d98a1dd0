"""`hydrosight alerts`: what was raised and what was cleared."""

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
    state_text,
)
from agent.cli.store_access import open_store
from edge_runtime.alert import Alert, AlertState


def alerts(
    config: ConfigOption = DEFAULT,
    history: Annotated[bool, typer.Option("--history", help="Also those that are cleared.")] = False,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many, with --history.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show the alerts that stand, or with --history also those that came and went.

    Example: `hydrosight alerts --history --last 50`
    """
    with reported_errors():
        with open_store(config) as store:
            shown = store.alerts(limit=last) if history else store.standing_alerts()
        if as_json:
            print_json([alert.model_dump(mode="json") for alert in shown])
            return
        columns = [("since (UTC)", "left"), ("until", "left"), ("state", "left"), ("what", "wrap")]
        print_table("Alerts", columns, [_row(alert) for alert in shown], "No alert stands.")
        for alert in shown:
            if alert.state is AlertState.RAISED and alert.action:
                console.print(f"[bold]{alert.component}[/]: {alert.action}")


def _row(alert: Alert) -> list[str]:
    until = f"{alert.cleared_at:%Y-%m-%d %H:%M}" if alert.cleared_at else "stands"
    return [f"{alert.raised_at:%Y-%m-%d %H:%M}", until, state_text(alert.severity), alert.message]
