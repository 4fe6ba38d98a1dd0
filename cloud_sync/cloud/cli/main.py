"""`hydrosight-cloud`: run the centre and look after it."""

import importlib.metadata
import json
import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.cloud.access.enrolment import create_token
from cloud_sync.cloud.cli import (
    access,
    audit,
    database,
    export,
    incoming,
    infer,
    labels,
    models,
    operators,
    rollouts,
    sent,
    settings,
    tenants,
    verdicts,
)
from cloud_sync.cloud.cli.listing import show_list
from cloud_sync.cloud.cli.session import ConfigOption, JsonOption, audited, in_transaction
from cloud_sync.cloud.logs import configure_logs
from cloud_sync.cloud.server import serve as run_server
from cloud_sync.cloud.settings import load_settings
from cloud_sync.cloud.store.fleet import read_fleet
from edge_runtime.errors import HydrosightError

_SLOW_NETWORK_S = 60.0
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Run the centre: enrol boxes, take in what they send, show the fleet, publish models.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.",
)
app.add_typer(database.app, name="db")
app.add_typer(access.machine_app, name="machine")
app.add_typer(access.agent_app, name="agent")
app.add_typer(operators.app, name="operator")
app.add_typer(tenants.app, name="tenant")
app.add_typer(labels.app, name="label")
labels.app.command("confirm")(verdicts.confirm)
labels.app.command("correct")(verdicts.correct)
labels.app.command("agreement")(verdicts.agreement)
app.add_typer(models.app, name="model")
models.app.command("import")(incoming.import_signed)
app.add_typer(rollouts.app, name="rollout")
app.add_typer(settings.app, name="settings")
app.command("audit")(audit.audit)
app.command("diagnoses")(sent.diagnoses)
app.command("alerts")(sent.alerts)
app.command("export")(export.export)
app.command("infer")(infer.infer)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"hydrosight {importlib.metadata.version('hydrosight')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options of `hydrosight-cloud` itself."""
    del version


@app.command()
def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM file of the certificate chain.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of its key.")] = None,
    tuf_repository: Annotated[Path | None, typer.Option(help="Folder of signed models, served at /tuf/.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Serve the API until told to stop. The database's URL comes from HYDROSIGHT_DATABASE_URL or --config.

    Example: `hydrosight-cloud serve --config /etc/hydrosight-cloud/cloud.yaml`
    """
    options = {
        "host": host,
        "port": port,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "tuf_repository": tuf_repository,
    }
    settings = load_settings(config, {name: value for name, value in options.items() if value is not None})
    configure_logs(logging.INFO)

    def announce(url: str) -> None:
        typer.echo(json.dumps({"event": "ready", "url": url}) if as_json else f"Hydrosight centre at {url}")
        sys.stdout.flush()

    run_server(settings, announce)


@app.command()
def enroll(
    machine: Annotated[str, typer.Argument(help="Name of the machine, as in its machine file.")],
    valid_hours: Annotated[float, typer.Option(help="How long the token can be used.", min=0.01, max=24 * 90)] = 24,
    tenant: Annotated[str | None, typer.Option(help="Whose it is; by default whose it was, or default's.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a one-time token that enrols the box of MACHINE. It is shown this once.

    Example: `hydrosight-cloud enroll press-7 --valid-hours 24`
    """
    access.check_machine_name(machine)
    valid_for = timedelta(hours=valid_hours)
    token = audited(
        config,
        "enroll",
        machine,
        lambda c: create_token(c, machine, valid_for, tenant),
        kind="machine",
        detail=lambda made: f"token {made.id}",
    )
    if as_json:
        typer.echo(json.dumps({"machine": machine, "token": token.token, "expires_at": token.expires_at.isoformat()}))
        return
    typer.echo(token.token)
    typer.echo(f"Valid once, for {machine}, until {token.expires_at:%Y-%m-%d %H:%M %Z}. On the box:", err=True)
    typer.echo("  hydrosight enrol --token-file FILE", err=True)


@app.command()
def fleet(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every machine: its box, when it was last seen, health, alerts, and how far diagnosis lies behind.

    Example: `hydrosight-cloud fleet --json`
    """
    machines, now = in_transaction(config, read_fleet), datetime.now(UTC)
    shared = len({status.tenant for status in machines}) > 1
    show_list(
        machines,
        (
            *(("tenant",) if shared else ()),
            "machine",
            "agent",
            "last seen",
            "model",
            "health",
            "alerts",
            "lag",
            "clock",
        ),
        lambda status: (
            *((status.tenant,) if shared else ()),
            status.machine,
            status.agent or ("not enrolled" if status.last_seen is None else "revoked"),
            "never" if status.last_seen is None else f"{_span((now - status.last_seen).total_seconds())} ago",
            status.model_version or "–",
            "–" if status.overall_health is None else f"{status.overall_health:.0%}",
            str(status.standing_alerts),
            "–" if status.lag_s is None else _span(status.lag_s),
            _clock(status.clock_offset_s),
        ),
        nothing="No machines yet. Enrol the first: hydrosight-cloud enroll MACHINE",
        as_json=as_json,
    )


def _clock(offset_s: float | None) -> str:
    """How far a box's clock is off; differences that a slow network may make are none."""
    if offset_s is None:
        return "–"
    if abs(offset_s) < _SLOW_NETWORK_S:
        return "right"
    return f"{_span(abs(offset_s))} {'ahead' if offset_s > 0 else 'behind'}"


def _span(seconds: float) -> str:
    """A time span for people: its largest unit only."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def main() -> None:
    """Entry point: errors raised on purpose become a message, a hint and an exit code."""
    try:
        app()
    except HydrosightError as error:
        typer.echo(f"error: {error}", err=True)
        if error.hint:
            typer.echo(f"hint:  {error.hint}", err=True)
        sys.exit(error.exit_code)
