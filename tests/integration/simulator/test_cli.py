import json
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from demo.process import free_port

MACHINE = "configs/machines/zema.yaml"
SAMPLE = "configs/recordings/zema-sample"


def command(*options):
    return [sys.executable, "-c", "from simulator.cli import main; main()", *map(str, options)]


def serve(mosquitto_port, *options, modbus="127.0.0.1:0"):
    places = ("--machine", MACHINE, "--recording", SAMPLE, "--modbus", modbus, "--mqtt", f"127.0.0.1:{mosquitto_port}")
    return command("serve", *places, *options)


@contextmanager
def started(arguments):
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_serves_and_ends_on_a_signal(mosquitto, number):
    with started(serve(mosquitto.port, "--json", "--speed", 60)) as process:
        said = json.loads(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", said["modbus"]["port"]), timeout=60):
            pass
        process.send_signal(number)
        assert process.wait(60) == 0
        assert process.stderr.read() == ""
    assert said["mqtt"] == {"host": "127.0.0.1", "port": mosquitto.port}
    assert (said["sensors"], said["speed"]) == (17, 60.0)


def failing(arguments):
    result = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result


def test_a_port_in_use_is_a_clean_error(mosquitto):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = failing(serve(mosquitto.port, modbus=f"127.0.0.1:{port}"))
    assert result.returncode == 1
    assert f"can't listen on 127.0.0.1:{port}" in result.stderr
    assert "hint:" in result.stderr


def test_no_broker_is_a_clean_error():
    result = failing(serve(free_port()))
    assert result.returncode == 1
    assert "no MQTT broker at 127.0.0.1" in result.stderr
    assert "mosquitto -p 1883" in result.stderr


@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        (["--machine", "nowhere.yaml", "--recording", SAMPLE], 2, "nowhere.yaml"),
        (["--machine", MACHINE, "--recording", "nowhere"], 1, "nowhere: is not a folder"),
        (["--machine", MACHINE, "--recording", SAMPLE, "--modbus", "5020"], 2, "--modbus '5020' is not HOST:PORT"),
        (["--machine", MACHINE, "--recording", SAMPLE, "--speed", "0"], 2, "--speed"),
        (["--machine", MACHINE], 2, "--recording"),
    ],
)
def test_wrong_usage_is_a_clean_error(options, code, why):
    result = failing(command("serve", *options))
    assert result.returncode == code
    assert why in result.stderr
