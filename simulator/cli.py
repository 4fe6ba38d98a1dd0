"""`hydrosight-sim`: a machine to plug the agent into."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import typer

from edge_runtime.errors import ConfigurationError, HydrosightError
from edge_runtime.machine_file import load_machine
from edge_runtime.recording import read_recording
from simulator.agent_config import Locations, agent_config
from simulator.endpoint import Endpoint
from simulator.machine import simulate
from simulator.replay import Replay

app = typer.Typer(
    help="A hydraulic machine to plug the agent into: replays a recording over Modbus TCP and MQTT.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.",
)

MachineOption = Annotated[Path, typer.Option("--machine", help="Machine file.")]
ModbusOption = Annotated[str, typer.Option("--modbus", metavar="HOST:PORT", help="Where Modbus TCP is served.")]
MqttOption = Annotated[str, typer.Option("--mqtt", metavar="HOST:PORT", help="The MQTT broker to publish to.")]
SpeedOption = Annotated[float, typer.Option("--speed", min=0.001, max=10_000, help="60 plays a minute in a second.")]


@app.command()
def serve(
    machine: MachineOption,
    recording: Annotated[Path, typer.Option(help="Folder of the recording to replay.")],
    speed: SpeedOption = 1.0,
    modbus: ModbusOption = "127.0.0.1:5020",
    mqtt: MqttOption = "127.0.0.1:1883",
    once: Annotated[bool, typer.Option("--once/--loop", help="End after one round, or go on for ever.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Say in one line of JSON where it serves.")] = False,
) -> None:
    """Replay a recording. Modbus port 0 takes any free port, which is printed.

    Example: `hydrosight-sim serve --machine configs/machines/zema.yaml --recording configs/recordings/zema-sample
    --speed 10`
    """
    the_machine = load_machine(machine)
    the_recording = read_recording(recording)
    the_recording.check_against(the_machine)
    replay = Replay(the_recording)
    broker = Endpoint.parse(mqtt, "--mqtt")

    def ready(address: Endpoint) -> None:
        if as_json:
            ports = {
                "modbus": {"host": address.host, "port": address.port},
                "mqtt": {"host": broker.host, "port": broker.port},
            }
            typer.echo(json.dumps({**ports, "sensors": len(replay.sensors), "instants": len(replay), "speed": speed}))
        else:
            typer.echo(
                f"{the_machine.name}: Modbus TCP on {address}, MQTT to {broker}; {len(replay)} instants of "
                f"{len(replay.sensors)} sensors at speed {speed:g}. Ctrl-C ends it."
            )
        sys.stdout.flush()

    endpoint = Endpoint.parse(modbus, "--modbus")
    asyncio.run(
        _until_signal(simulate(the_machine, replay, speed=speed, once=once, modbus=endpoint, mqtt=broker, ready=ready))
    )


@app.command()
def config(
    machine: MachineOption,
    modbus: ModbusOption = "127.0.0.1:5020",
    mqtt: MqttOption = "127.0.0.1:1883",
    speed: SpeedOption = 1.0,
    bundle: Annotated[Path, typer.Option(help="Model bundle to start with.")] = Path("configs/models/zema-rig"),
    data_directory: Annotated[Path, typer.Option(help="Where the agent keeps its data.")] = Path("hydrosight-data"),
    output: Annotated[Path | None, typer.Option(help="File to write; paths in it are relative to its folder.")] = None,
) -> None:
    """Print the agent's settings that match the simulated machine.

    Example: `hydrosight-sim config --machine configs/machines/zema.yaml --output agent.yaml`
    """

    def located(path: Path) -> str:
        return str(path.resolve()) if output is None else os.path.relpath(path.resolve(), output.resolve().parent)

    text = agent_config(
        load_machine(machine),
        Endpoint.parse(modbus, "--modbus"),
        Endpoint.parse(mqtt, "--mqtt"),
        Locations(located(machine), located(bundle), located(data_directory)),
        speed=speed,
    )
    if output is None:
        typer.echo(text, nl=False)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"{output}: can't be written: {error.strerror}", hint="Name a file in a folder that you may write to."
            ) from error


async def _until_signal(work: Coroutine[None, None, None]) -> None:
    """Await the work; SIGINT and SIGTERM cancel it, which is a normal end."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


def main() -> None:
    """Run the command; errors are one line with a hint, and the exit code says whose fault it is."""
    try:
        app()
    except HydrosightError as error:
        typer.echo(f"error: {error}", err=True)
        if error.hint:
            typer.echo(f"hint:  {error.hint}", err=True)
        sys.exit(error.exit_code)
