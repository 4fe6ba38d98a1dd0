"""`hydrosight sync`: what reached the centre, what waits for it and why, and what the centre refused."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import typer

from agent.cli import reconcile
from agent.cli.dead_letters import app as dead_letters_app
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
from agent.running_agent import fetch_status
from agent.settings import AgentSettings
from agent.store.outbox import LaneContent
from agent.store.traffic import Traffic
from cloud_sync.edge.credential import read_credential
from cloud_sync.edge.lane import Lane
from edge_runtime.errors import CredentialError, HydrosightError

app = typer.Typer()
app.add_typer(dead_letters_app, name="dead-letters")
app.command("reconcile")(reconcile.reconcile)


@app.callback(invoke_without_command=True)
def sync(context: typer.Context, config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Show what reached the centre, what waits for it and why, and what doesn't get there.

    When the centre last answered, what waits in each lane, and the bytes of this UTC day. Lanes go in this order:
    alerts, diagnoses, fresh windows, and the backlog that an outage left behind.

    Example: `hydrosight sync`
    """
    if context.invoked_subcommand:
        return
    with reported_errors():
        settings = settings_from(config)
        with open_store(config) as store:
            lanes, today, dead_letters = store.lanes(), store.traffic_today(), store.dead_letters()
        uplink = _uplink(settings)
        expires_us, credential = _credential(settings)
        if as_json:
            print_json(
                {
                    "centre": settings.centre.url if settings.centre else None,
                    "uplink": uplink,
                    "lanes": {lane: asdict(content) for lane, content in lanes.items()},
                    "today": {lane: asdict(sent) for lane, sent in today.items()},
                    "dead_letters": len(dead_letters),
                    "credential_expires_us": expires_us,
                }
            )
            return
        rows = [
            ["centre", settings.centre.url if settings.centre else "none: add centre.url to the settings"],
            ["last answer", _moment(uplink["last_success"] if uplink else None)],
            ["next try", _moment(uplink["next_try"] if uplink else None)],
            *([] if uplink else [["agent", "doesn't run, or has no centre: nothing is sent"]]),
            *(["waits", why] for why in (uplink["waits"] if uplink else ())),
            ["credential", credential],
            ["refused", f"{len(dead_letters):,}" + (": hydrosight sync dead-letters" if dead_letters else "")],
        ]
        print_table("Uplink", [("", "left"), ("", "wrap")], rows, "")
        console.print()
        columns = [("lane", "left"), ("waiting", "right"), ("oldest (UTC)", "left"), ("sent today", "right")]
        print_table("Lanes", columns, [_lane(lane, lanes[lane], today[lane]) for lane in Lane], "")


def _lane(lane: Lane, content: LaneContent, sent: Traffic) -> list[str]:
    return [lane.value, f"{content.records:,}", time_text(content.oldest_us), size_text(sent.bytes)]


def _uplink(settings: AgentSettings) -> dict[str, Any] | None:
    """What the running agent says of its uplink; None when none runs."""
    try:
        state: dict[str, Any] | None = fetch_status(settings)["sync"]["uplink"]
    except (HydrosightError, KeyError, TypeError):
        return None
    return state


def _credential(settings: AgentSettings) -> tuple[int | None, str]:
    """When it expires, and the same in words."""
    try:
        expires_us = read_credential(settings.credential_file).expires_us
    except CredentialError as error:
        return None, f"{error}"
    if expires_us is None:
        return None, "doesn't expire"
    return expires_us, f"valid until {time_text(expires_us)} UTC; it is renewed in time"


def _moment(text: str | None) -> str:
    return "–" if text is None else f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S %Z}"
