import os
import signal
import subprocess
import sys
import textwrap
import time

import aiomqtt
import psutil
import psycopg
import pytest

from tests.servers.postgres import fresh_database
from tests.servers.process import accepts_connections

REPOSITORY = __file__.split("/tests/")[0]


async def test_a_broker_keeps_retained_messages_over_a_stop(mosquitto):
    async with aiomqtt.Client(mosquitto.host, mosquitto.port) as client:
        await client.publish("kept", b"1", qos=1, retain=True)
    mosquitto.stop()
    assert not accepts_connections(mosquitto.port)
    mosquitto.start()
    async with aiomqtt.Client(mosquitto.host, mosquitto.port) as client:
        await client.subscribe("kept")
        message = await anext(client.messages)
    assert message.payload == b"1"


def test_a_database_is_empty_and_gone_afterwards(postgres_server):
    with fresh_database(postgres_server.url) as url, psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)


def test_a_killed_database_keeps_what_was_committed(postgres_server):
    with fresh_database(postgres_server.url) as url:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS value")
        postgres_server.kill()
        postgres_server.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT value FROM kept").fetchone() == (1,)


def test_servers_die_with_a_killed_pytest(tmp_path):
    test = tmp_path / "test_hangs.py"
    test.write_text(
        textwrap.dedent("""
        import pathlib, time
        import psutil

        def test_hangs(mosquitto, postgres_server):
            children = psutil.Process().children(recursive=True)
            partial = pathlib.Path(__file__).with_name("partial")
            partial.write_text(" ".join(str(child.pid) for child in children))
            partial.rename(partial.with_name("children"))
            time.sleep(60)
        """)
    )
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "tests.conftest",
            "-c",
            "pyproject.toml",
            test,
        ],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": REPOSITORY},
        stdout=subprocess.DEVNULL,
    )
    listing = tmp_path / "children"
    deadline = time.monotonic() + 60
    while not listing.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = [int(pid) for pid in listing.read_text().split()]
    assert len(children) > 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
