"""Every query of every dashboard runs on a centre's database, as the role that Grafana has."""

import asyncio
import functools
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cloud_sync.cloud.rollout import store
from cloud_sync.cloud.rollout.plan import Plan
from cloud_sync.cloud.rollout.serving import offer
from cloud_sync.wire import Enrolment
from tests.integration.cloud.conftest import send
from tests.servers.batches import START_US, make_batch, time_of
from tests.servers.centre import Centre

GRAFANA = Path(__file__).parents[3] / "deploy" / "grafana"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))}
READER, PASSWORD = "hydrosight_reader", "secret of the test"
START = time_of(START_US)
MACROS = (
    (r"\$__timeFilter\(([\w.]+)\)", r"\1 BETWEEN '2000-01-01Z' AND '2100-01-01Z'"),
    (r"\$__timeFrom\(\)", f"'{START.isoformat()}'"),
    (r"\$__timeTo\(\)", f"'{(START + timedelta(hours=1)).isoformat()}'"),
    (r"\$__interval", "1m"),
    (r"\$__timeGroup\(([\w.]+), '1h'\)", r"date_trunc('hour', \1)"),
    (r"\$machine", "rig"),
    (r"\$sensor", "PS1"),
)
"""What Grafana puts in place of its macros and variables."""


def queries() -> list[tuple[str, str, str]]:
    """Panel, format and SQL of each; variables count as tables."""
    found = []
    for name, dashboard in DASHBOARDS.items():
        variables, panels = dashboard["templating"]["list"], dashboard["panels"]
        found += [(f"{name}: ${variable['name']}", "table", variable["query"]) for variable in variables]
        found += [
            (f"{name}: {panel['title']}", target["format"], target["rawSql"])
            for panel in panels
            for target in panel["targets"]
            if "rawSql" in target
        ]
    return found


def filled_in(template: str) -> str:
    """A query as Grafana sends it."""
    return functools.reduce(lambda sql, macro: re.sub(*macro, sql), MACROS, template)


@pytest.fixture
def reader(postgres_url: str, centre: Centre, box: Enrolment) -> Iterator[psycopg.Connection]:
    assert send(centre.url, box.credential, make_batch("rig", 0, windows=3)).status_code == 200
    script = (GRAFANA / "reader.sql").read_text().replace(":'password'", f"'{PASSWORD}'")
    asyncio.run(roll_out(postgres_url))
    with psycopg.connect(postgres_url, autocommit=True) as owner:
        owner.execute(script.encode())
    try:
        with psycopg.connect(
            make_conninfo(postgres_url, user=READER, password=PASSWORD), autocommit=True
        ) as connection:
            yield connection
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as owner:
            owner.execute(f"DROP OWNED BY {READER}; DROP ROLE {READER}".encode())


async def roll_out(url: str) -> None:
    """Set a roll-out up that the machine is the canary of, and let its box ask."""
    plan = Plan(model="zema-rig", version="1.1.0", canaries=("rig",))
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await store.activate(connection, await store.set_up(connection, plan, "kim"))
        await offer(connection, "rig", "zema-rig")


def test_every_query_runs_and_shows_something(reader: psycopg.Connection) -> None:
    for name, form, template in queries():
        sql = filled_in(template)
        assert "$" not in sql, name
        cursor = reader.execute(sql.encode())
        assert cursor.description is not None
        columns = [column.name for column in cursor.description]
        assert cursor.fetchall() or name.endswith("need somebody"), name
        if form == "time_series":
            assert columns == ["time", "metric", "value"], name


def test_of_a_sensor_each_interval_shows_a_window_and_the_last_ones_every_sample(reader: psycopg.Connection) -> None:
    targets = {panel["title"]: panel["targets"][0]["rawSql"] for panel in DASHBOARDS["hydrosight-machine"]["panels"]}
    (times, samples) = (
        reader.execute(filled_in(targets[title]).encode()).fetchall() for title in ("$sensor", "$sensor, every sample")
    )
    assert [(time, metric) for time, metric, _ in times] == [
        (START + timedelta(minutes=k), metric) for k in range(3) for metric in ("mean", "least", "largest")
    ]
    assert {value for time, metric, value in times if (time, metric) == (START, "least")} == {samples[1][2]}
    assert [time for time, _, _ in samples] == [START + timedelta(seconds=k) for k in range(180)]
    assert [value for _, _, value in samples][::60] == [None] * 3


def test_the_reader_sees_no_credential_and_writes_nothing(reader: psycopg.Connection) -> None:
    for table in ("credentials", "enrolment_tokens", "operators"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(f"SELECT * FROM {table}".encode())
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reader.execute("DELETE FROM windows")


@pytest.mark.parametrize("name", DASHBOARDS)
def test_dashboards_have_their_file_s_name_and_panels_that_do_not_overlap(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert dashboard["uid"] == name
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
