"""What reading costs at the centre: routes about one machine, over HTTP, after a year of minutes, 17 channels at 1 Hz.

    python -m benchmarks.bench_reads --days 365

It takes the server that HYDROSIGHT_TEST_DATABASE names, on this host, else an embedded one. With TimescaleDB what is
old lies in the columnstore, and the aggregates are materialised. A year takes 5 GB and some minutes to make.
"""

import argparse
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from benchmarks.scratch_folder import scratch_folder
from tests.servers.centre import Centre
from tests.servers.postgres import PostgresServer, fresh_database
from tests.servers.stored_windows import prepare

ROUNDS = 5
MACHINE = "/api/v1/machines/press"
_MAKE = """
SET synchronous_commit = off; SET statement_timeout = 0;
INSERT INTO machines (name) VALUES ('press');
CREATE TEMP TABLE minutes AS SELECT start_time, (extract(epoch FROM start_time) / 60)::bigint AS number
    FROM generate_series(date_trunc('minute', now()) - %(days)s * INTERVAL '1 day', now() - INTERVAL '1 minute',
                         INTERVAL '1 minute') AS start_time;
CREATE TEMP TABLE noise AS SELECT number, array_agg((100 + 10 * random())::real) AS samples
    FROM generate_series(0, 999) AS number, generate_series(1, 60) AS second GROUP BY 1;
INSERT INTO windows (machine, start_time, sensor, end_time, step_us, samples)
    SELECT 'press', start_time, 'S' || sensor, start_time + INTERVAL '1 minute', 1000000, samples
    FROM minutes CROSS JOIN generate_series(1, 17) AS sensor
    JOIN noise ON noise.number = (minutes.number * 17 + sensor * 37) %% 1000;
INSERT INTO window_readings
    SELECT 'press', start_time, 17, '{boot}', ARRAY[int8multirange(int8range(number * 1020, number * 1020 + 1020))]
    FROM minutes;
INSERT INTO diagnoses (machine, start_time, end_time, overall_health, completeness, model_name, model_version,
                       model_sha256, document)
    SELECT 'press', start_time, start_time + INTERVAL '1 minute', random(), 1, 'bench', '1', '', jsonb_build_object(
        'machine', 'press', 'window_start', start_time, 'components', jsonb_build_array(repeat('x', 1000)))
    FROM minutes;
INSERT INTO component_diagnoses (machine, start_time, component, health, level, severity, ne107, confidence, abstained)
    SELECT 'press', start_time, 'C' || component, random(), '1', 'moderate', 'maintenance required', 0.9, false
    FROM minutes CROSS JOIN generate_series(1, 13) AS component;
"""
_SETTLE = """
SELECT compress_chunk(chunk) FROM show_chunks('windows', older_than => INTERVAL '8 days') AS chunk;
SELECT compress_chunk(chunk) FROM show_chunks('diagnoses', older_than => INTERVAL '14 days') AS chunk;
SELECT compress_chunk(chunk) FROM show_chunks('component_diagnoses', older_than => INTERVAL '14 days') AS chunk
"""
_AGGREGATES = ("health_by_hour", "health_by_day", "completeness_by_hour", "completeness_by_day")


def make(url: str, days: int) -> None:
    """A machine's days up to now."""
    prepare(url)
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(_MAKE, {"days": days})
        if connection.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'").fetchone() is not None:
            connection.execute(_SETTLE)
            for aggregate in _AGGREGATES:
                connection.execute(f"CALL refresh_continuous_aggregate('{aggregate}', NULL, now())".encode())
        connection.execute("VACUUM ANALYZE")


def routes(days: int, now: datetime) -> dict[str, tuple[str, Mapping[str, str | int]]]:
    """Path and parameters of each, by what is shown."""

    def span(length: float, until: float = 0) -> dict[str, str]:
        start, end = (now - timedelta(days=past) for past in (length + until, until))
        return {"start": start.isoformat(), "end": end.isoformat()}

    long_ago = (now - timedelta(days=days / 2)).isoformat()
    return {
        "machines at a glance": ("/api/v1/machines", {}),
        "components": (f"{MACHINE}/components", {}),
        "100 diagnoses": (f"{MACHINE}/diagnoses", {}),
        "100 diagnoses, long ago": (f"{MACHINE}/diagnoses", {"before": long_ago}),
        "10 windows": (f"{MACHINE}/windows", {}),
        "10 windows, long ago": (f"{MACHINE}/windows", {"before": long_ago}),
        "one sensor's hour": (f"{MACHINE}/series", {"sensor": "S1", **span(1 / 24)}),
        "one sensor's day, long ago": (f"{MACHINE}/series", {"sensor": "S1", **span(1, days / 2)}),
        "one sensor, all days": (f"{MACHINE}/series", {"sensor": "S1", **span(days)}),
        "health by hour, a week": (f"{MACHINE}/health", {"component": "C1"}),
        "health by day, a year": (f"{MACHINE}/health", {"component": "C1", "bucket": "day", "limit": 365}),
        "completeness by hour, a week": (f"{MACHINE}/completeness", {}),
        "ledger": (f"{MACHINE}/ledger", {}),
    }


def measure(url: str, log: Path, days: int) -> Table:
    """Each route `ROUNDS` times: the least time to the answer, and CPU of a request."""
    table = Table(f"one machine, {days} days", "ms", "server, CPU ms", "PostgreSQL, CPU ms", "kB")
    for column in table.columns[1:]:
        column.justify = "right"
    centre = Centre(url, log, operator_requests_per_minute="0", database_timeout_s="600", pool_size="1")
    headers = {"Authorization": f"Bearer {centre.operator_token('bench')}"}
    try:
        with (
            psycopg.connect(url, autocommit=True) as watching,
            httpx.Client(base_url=centre.url, headers=headers, timeout=600) as client,
        ):
            server = psutil.Process(centre.pid)
            for title, (path, parameters) in routes(days, datetime.now(UTC)).items():
                client.get(path, params=parameters).raise_for_status()
                backends = [server, *_backends(watching)]
                before, took = [_cpu_s(process) for process in backends], []
                for _ in range(ROUNDS):
                    started = time.perf_counter()
                    answer = client.get(path, params=parameters).raise_for_status()
                    took.append(time.perf_counter() - started)
                spent = [_cpu_s(process) - then for process, then in zip(backends, before, strict=True)]
                figures = (min(took), spent[0] / ROUNDS, sum(spent[1:]) / ROUNDS)
                table.add_row(
                    title, *(f"{1000 * figure:,.0f}" for figure in figures), f"{len(answer.content) / 1e3:.0f}"
                )
    finally:
        centre.stop()
    return table


def _backends(watching: psycopg.Connection) -> list[psutil.Process]:
    """The database's processes that work for the centre."""
    theirs = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'hydrosight-cloud'"
    )
    return [psutil.Process(pid) for (pid,) in watching.execute(theirs)]


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    days = parser.parse_args().days
    with scratch_folder() as folder:
        named = os.environ.get("HYDROSIGHT_TEST_DATABASE")
        own = PostgresServer(folder / "postgres") if named is None else None
        try:
            with fresh_database(named or (own.url if own is not None else "")) as url:
                make(url, days)
                Console().print(measure(url, folder / "centre.log", days))
        finally:
            if own is not None:
                own.stop()


if __name__ == "__main__":
    main()
