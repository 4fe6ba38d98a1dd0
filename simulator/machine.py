"""A machine to plug into: replays a recording over Modbus TCP and MQTT."""

import asyncio
from collections.abc import Callable

from edge_runtime.machine import Machine
from simulator.endpoint import Endpoint
from simulator.modbus_server import ModbusServer
from simulator.mqtt_publisher import MqttPublisher
from simulator.replay import Replay
from simulator.wiring import wire

LONGEST_CATCH_UP_S = 1.0
SHORTEST_STAY = 0.9
"""Share of its time that a sample stays in the registers when the replay is late, so that a poll still sees it."""

LAST_LOOK_S = 2.0
"""How long the last sample stays in the registers before the server goes, so that a slow poll still sees it."""


async def simulate(
    machine: Machine,
    replay: Replay,
    *,
    speed: float,
    once: bool,
    modbus: Endpoint,
    mqtt: Endpoint,
    ready: Callable[[Endpoint], None],
) -> None:
    """Replay until cancelled, or once.

    Args:
        machine: whose sensors they are.
        replay: what they measure.
        speed: 60 plays a minute in a second.
        once: end after one round, when the broker has everything.
        modbus: where to answer; port 0 takes any free one.
        mqtt: the broker to publish to.
        ready: called with the actual Modbus address when everything stands.

    Raises:
        SourceError: the port is taken or there is no broker.
        ConfigurationError: the machine can't be simulated.
    """
    wiring = wire(machine)
    server = ModbusServer(wiring)
    publisher = MqttPublisher(mqtt, wiring)
    async with server.serve(modbus) as address:
        if wiring.topics:
            await publisher.check()
        ready(address)
        async with asyncio.TaskGroup() as tasks:
            publishing = tasks.create_task(publisher.run())
            await _play(replay, server, publisher, speed=speed, once=once)
            await publisher.published()
            await asyncio.sleep(LAST_LOOK_S)
            publishing.cancel()


async def _play(replay: Replay, server: ModbusServer, publisher: MqttPublisher, *, speed: float, once: bool) -> None:
    time = asyncio.get_running_loop().time
    due_s = time()
    for instant in replay.instants(once=once):
        pause_s = instant.pause_us / 1e6 / speed
        # A short stall is made up for little by little; after a long one the rest moves on.
        due_s = max(due_s + pause_s, time() - LONGEST_CATCH_UP_S)
        await asyncio.sleep(max(due_s - time(), SHORTEST_STAY * pause_s))
        server.show(instant)
        publisher.publish(instant)
