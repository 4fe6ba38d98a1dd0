"""`hydrosight-cloud db`: the database's schema, and what is kept in it."""

import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime

import psycopg
import typer
from rich.text import Text

from cloud_sync.cloud.access.audit import note
from cloud_sync.cloud.cli.listing import console, make_table
from cloud_sync.cloud.cli.session import ConfigOption, JsonOption, this_account, with_connection
from cloud_sync.cloud.inspection.finding import Finding, Severity
from cloud_sync.cloud.inspection.inspect import inspect_database
from cloud_sync.cloud.settings import load_settings
from cloud_sync.cloud.store.migrate import migrate, schema_status
from cloud_sync.cloud.store.retention import Pruned
from cloud_sync.cloud.store.retention import prune as prune_database

app = typer.Typer(help="The database's schema, and what is kept in it.", no_args_is_help=True)


@app.command("migrate")
def migrate_schema(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Bring the database to this program's schema. `serve` does it too; here it can be done ahead.

    Example: `hydrosight-cloud db migrate --config /etc/hydrosight-cloud/cloud.yaml`
    """
    done = with_connection(config, migrate)
    if as_json:
        typer.echo(json.dumps({"applied": [migration.number for migration in done]}))
        return
    for migration in done:
        typer.echo(f"applied {migration.number:04d} {migration.name}")
    if not done:
        typer.echo("The schema was up to date.")


@app.command()
def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say where the schema stands, and whether TimescaleDB is in use. Changes nothing.

    Example: `hydrosight-cloud db status`
    """
    schema = with_connection(config, schema_status)
    if as_json:
        pending = [migration.number for migration in schema.pending]
        typer.echo(json.dumps({"applied": schema.applied, "pending": pending, "hypertables": schema.hypertables}))
        return
    typer.echo(f"schema      {schema.applied[-1] if schema.applied else 'none yet'}")
    typer.echo(f"pending     {', '.join(f'{m.number:04d} {m.name}' for m in schema.pending) or 'nothing'}")
    hypertables = "plain tables, TimescaleDB isn't in use"
    typer.echo(f"TimescaleDB {hypertables if schema.hypertables is None else ', '.join(schema.hypertables)}")
    if schema.pending:
        typer.echo("Apply what is pending: hydrosight-cloud db migrate")


@app.command()
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say what is the matter with the database and what to do about it. Changes nothing; ends with 1 after a failure.

    Looks at the server's settings, the role's rights, every object of the schema against a fresh migration's,
    TimescaleDB's policies and jobs, indexes, rows that don't fit together, and sizes.

    Example: `hydrosight-cloud db check --json`
    """
    settings, now = load_settings(config), datetime.now(UTC)
    found = with_connection(config, lambda c: inspect_database(c, settings.pool_size, now))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found]))
    else:
        _show(found)
    if any(finding.severity is Severity.FAILURE for finding in found):
        raise typer.Exit(1)


def _show(found: list[Finding]) -> None:
    colours = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.FAILURE: "red"}
    rows = [(Text(one.severity, colours[one.severity]), one.about, one.found, one.remedy) for one in found]
    console().print(make_table(("", "about", "found", "what to do"), rows))
    counts = Counter(finding.severity for finding in found)
    typer.echo(f"{counts[Severity.FAILURE]} failures, {counts[Severity.WARNING]} warnings, {counts[Severity.OK]} fine")


@app.command()
def prune(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Delete what is older than the settings keep (`keep_windows_days` and so on). `serve` does it every hour too.

    Example: `hydrosight-cloud db prune --config /etc/hydrosight-cloud/cloud.yaml`
    """
    settings = load_settings(config)

    async def do(connection: psycopg.AsyncConnection) -> tuple[Pruned, ...]:
        await migrate(connection)
        done = await prune_database(connection, settings)
        for item in done:
            await note(connection, this_account(), "db prune", item.table, f"{item.count} {item.unit}")
        return done

    done = with_connection(config, do)
    if as_json:
        typer.echo(json.dumps([asdict(item) for item in done]))
        return
    for item in done:
        typer.echo(f"{item.table:<20} {item.count:>9,} {item.unit}")
    if not done:
        typer.echo("Nothing was older than the settings keep.")
