"""`hydrosight-cloud audit`: who gave, took or deleted what."""

from typing import Annotated

import psycopg
import typer

from cloud_sync.cloud.access.audit import Act, newest_acts
from cloud_sync.cloud.cli.listing import show_list
from cloud_sync.cloud.cli.session import ConfigOption, JsonOption, in_transaction


def audit(
    limit: Annotated[int, typer.Option(help="At most this many, the last ones.", min=1, max=1000)] = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who gave or took access, or deleted something; the last first.

    Example: `hydrosight-cloud audit --limit 20`
    """

    async def do(connection: psycopg.AsyncConnection) -> list[Act]:
        return await newest_acts(connection, limit=limit)

    acts = in_transaction(config, do)
    show_list(
        acts,
        ("when (UTC)", "who", "did", "to", "tenant", "detail"),
        lambda act: (f"{act.at:%Y-%m-%d %H:%M:%S}", act.who, act.act, act.subject, act.tenant or "–", act.detail),
        nothing="Nobody has done anything yet.",
        as_json=as_json,
    )
