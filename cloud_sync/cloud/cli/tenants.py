"""`hydrosight-cloud tenant`: who machines belong to."""

import json
from typing import Annotated

import psycopg
import typer

from cloud_sync.cloud.access import tenants
from cloud_sync.cloud.access.audit import note
from cloud_sync.cloud.cli.listing import show_list
from cloud_sync.cloud.cli.session import ConfigOption, JsonOption, in_transaction, this_account

app = typer.Typer(help="Who machines belong to: nothing of one tenant is visible to another.", no_args_is_help=True)

Tenant = Annotated[str, typer.Argument(help="Name of the tenant, such as acme.", show_default=False)]


@app.command()
def add(tenant: Tenant, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Make TENANT known. With the second one, tokens that were made without --all-tenants show their tenant alone.

    Example: `hydrosight-cloud tenant add acme`
    """

    async def do(connection: psycopg.AsyncConnection) -> None:
        await tenants.add_tenant(connection, tenant)
        await note(connection, this_account(), "tenant add", tenant, tenant=tenant)

    in_transaction(config, do)
    if as_json:
        typer.echo(json.dumps({"tenant": tenant}))
        return
    typer.echo(f"Its machines: hydrosight-cloud enroll MACHINE --tenant {tenant}")
    typer.echo(f"Its people:   hydrosight-cloud operator create NAME --tenant {tenant}")


@app.command("list")
def show(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every tenant, and how many machines and operators it has.

    Example: `hydrosight-cloud tenant list`
    """
    show_list(
        in_transaction(config, tenants.list_tenants),
        ("tenant", "since", "machines", "operators"),
        lambda item: (item.name, f"{item.created_at:%Y-%m-%d}", str(item.machines), str(item.operators)),
        nothing="No tenants.",
        as_json=as_json,
    )


@app.command()
def move(
    machine: Annotated[str, typer.Argument(help="Name of the machine.", show_default=False)],
    tenant: Tenant,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give MACHINE to TENANT, with all that it has sent; whose it was sees no more of it. Its box goes on as before.

    Example: `hydrosight-cloud tenant move press-7 acme`
    """

    async def do(connection: psycopg.AsyncConnection) -> str | None:
        former = await tenants.move_machine(connection, machine, tenant)
        if former is not None:
            for side in (former, tenant):
                await note(connection, this_account(), "tenant move", machine, f"{former} to {tenant}", tenant=side)
        return former

    former = in_transaction(config, do)
    if as_json:
        typer.echo(json.dumps({"machine": machine, "tenant": tenant, "former": former}))
        return
    typer.echo(
        f"{machine} was {tenant}'s already." if former is None else f"{machine} is {tenant}'s now, not {former}'s."
    )
