"""What happens in the demo, in order."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.box import Box
from demo.broker import Broker
from demo.centre import Centre
from demo.database import Database
from demo.listener import Listener
from demo.model import release_again
from demo.postgres import Postgres
from demo.process import Processes
from demo.reconciliation import Count, compare_messages, compare_readings
from demo.rig import Rig, Script
from demo.screen import Screen
from edge_runtime.alert import Alert
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import DemoError
from edge_runtime.machine import Machine
from edge_runtime.utc import microseconds

STEPS = 8
_SILENCE_S = 60.0
_DRAIN_S = 60.0
# Modbus devices keep no history: what a busy machine polls too late is gone.
_MISSED_POLLS = 0.01


@dataclass(frozen=True)
class Cast:
    """What the demo plays with: files, and how fast the rig's time passes."""

    machine_file: Path
    machine: Machine
    recording: Path
    bundle: Path
    speed: float


class Story:
    """One run of the demo in a folder of its own."""

    def __init__(self, cast: Cast, script: Script, folder: Path, screen: Screen) -> None:
        self._cast = cast
        self._script = script
        self._folder = folder
        self._screen = screen
        self._stored = 0
        self._listener = Listener(cast.machine.name, self._show_diagnosis, self._show_alert)

    async def tell(self) -> None:
        """Play it to its end, and leave no process behind.

        Raises:
            DemoError: something didn't happen.
        """
        async with Processes() as processes:
            try:
                await self._tell(processes)
            except asyncio.CancelledError:
                self._screen.news("Stopping everything")
                raise

    async def _tell(self, processes: Processes) -> None:
        self._screen.step("Starting PostgreSQL, from a wheel")
        postgres = await Postgres.start(processes, self._subfolder("postgres"))
        database = Database(postgres.url, self._cast.machine.name)

        self._screen.step("Starting an MQTT broker")
        broker = await Broker.start(processes, self._subfolder("broker"))
        self._screen.note(f"mqtt://127.0.0.1:{broker.port}")

        self._screen.step("Starting the centre: hydrosight-cloud, with TLS and keys that sign models")
        centre = await Centre.start(processes, self._subfolder("centre"), postgres)
        self._screen.note(centre.url)

        self._screen.step("Enrolling the box at the centre, with a one-time token")
        rig = Rig.at_free_port(
            processes,
            self._subfolder("rig"),
            machine=self._cast.machine_file,
            recording=self._cast.recording,
            broker_port=broker.port,
            speed=self._cast.speed,
        )
        box = Box(processes, self._subfolder("box"))
        settings = await rig.agent_settings()
        box.configure(settings, machine=self._cast.machine_file, bundle=self._cast.bundle, centre=centre)
        self._screen.note(await box.enrol(await centre.token(self._cast.machine.name)))

        await _alongside(
            self._watched(processes, rig, box, centre, database),
            self._listener.listen(broker.port),
            processes.watch(),
            self._count_rows(database),
        )

    async def _watched(self, processes: Processes, rig: Rig, box: Box, centre: Centre, database: Database) -> None:
        """The part in which everything runs; a process that ends by itself ends it."""
        await self._listener.subscribed.wait()
        self._screen.step(f"Starting the rig, at {self._cast.speed:g} times its speed, and the agent on its box")
        self._screen.note(f"Modbus TCP on 127.0.0.1:{rig.modbus_port}; the other sensors publish over MQTT")
        rig_process = await rig.start()
        await box.run()
        await self._live(centre)
        self._screen.step("Stopping the rig; what is still in the box's outbox goes to the centre")
        await processes.stop(rig_process)
        await self._drained(database)
        self._screen.step("Comparing what was sent with what is in the database")
        self._judge(await self._compare(database))
        self._screen.news(f"The box's own account: {await box.reconcile()}")

    async def _live(self, centre: Centre) -> None:
        """Until the rig's last cycle is diagnosed; half way a new model goes out."""
        self._screen.heading()
        halfway = len(self._script.labels) // 2
        await self._progress("no diagnosis comes over MQTT", lambda: len(self._listener.diagnoses) > halfway)
        self._screen.step("Publishing a new model: signed at the centre, fetched and tried by the box")
        manifest = release_again(self._cast.bundle, self._folder / "new-model")
        await centre.publish(self._folder / "new-model")
        self._screen.note(f"{manifest.name} {manifest.version}, release {manifest.release}")
        self._screen.heading()
        await self._progress(
            f"the box hasn't taken over to model {manifest.version}",
            lambda: self._listener.diagnoses[-1].model.release == manifest.release,
        )
        self._screen.news(f"The box has taken over to model {manifest.version}; the old one waits in the other slot")
        await self._progress(
            "the rig's last cycle isn't diagnosed",
            lambda: _start_us(self._listener.diagnoses[-1]) >= self._script.last_start_us,
        )

    async def _progress(self, complaint: str, done: Callable[[], bool]) -> None:
        """Wait until `done()`, as long as diagnoses keep coming and the rig hasn't begun its second round in vain."""
        loop = asyncio.get_running_loop()
        heard, since = len(self._listener.diagnoses), loop.time()
        while not done():
            await asyncio.sleep(0.05)
            if len(self._listener.diagnoses) != heard:
                heard, since = len(self._listener.diagnoses), loop.time()
            late = heard > 0 and _start_us(self._listener.diagnoses[-1]) > self._script.last_start_us
            if late or loop.time() - since > _SILENCE_S:
                raise DemoError(complaint, hint=f"The logs are in {self._folder}; box/agent.log says most.")

    async def _drained(self, database: Database) -> None:
        """Until the database holds all that was seen here, or for long enough."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _DRAIN_S
        while loop.time() < deadline:
            counts = await self._compare(database)
            if not any(count.missing for count in counts[1:]):
                return
            await asyncio.sleep(0.5)

    async def _compare(self, database: Database) -> list[Count]:
        """What the rig and the box sent, against what the database holds.

        The box joins the running rig, so its first window isn't whole and isn't counted.
        """
        starts = self._script.after(_start_us(self._listener.diagnoses[0]))
        heard = {_start_us(diagnosis): diagnosis for diagnosis in self._listener.diagnoses}
        channels = [row for row in await database.channels() if row.start_us in self._script.labels]
        diagnoses = [(start, content) for start, content in await database.diagnoses() if start in set(starts)]
        windows = [((row.sensor, row.start_us), None) for row in channels if row.start_us in set(starts)]
        sensors = [sensor.name for sensor in self._cast.machine.sensors]
        return [
            compare_readings(self._script.readings(starts), channels, starts),
            compare_messages("windows, by sensor", {(s, start): None for start in starts for s in sensors}, windows),
            compare_messages("diagnoses", {start: heard.get(start) for start in starts}, diagnoses),
            compare_messages(
                "alerts raised or cleared",
                {(alert.id, alert.state.value): alert for alert in self._listener.alerts},
                await database.alerts(),
            ),
        ]

    def _judge(self, counts: list[Count]) -> None:
        self._screen.summary(counts)
        labelled = [d for d in self._listener.diagnoses[1:] if _start_us(d) in self._script.labels]
        self._screen.scores(
            {
                condition.name: sum(
                    d.component(condition.component).level == str(self._script.labels[_start_us(d)][condition.name])
                    for d in labelled
                )
                for condition in self._cast.machine.conditions
            },
            len(labelled),
        )
        readings, *rest = counts
        if readings.missing > _MISSED_POLLS * readings.sent:
            raise DemoError(
                f"{readings.missing} of the rig's {readings.sent} readings are not in the database",
                hint="Is this machine very busy? A slower rig is polled more easily: python -m demo --speed 10",
            )
        if readings.missing:
            self._screen.note(
                f"{readings.missing} readings changed between two polls: the rig's second lasts "
                f"{1000 / self._cast.speed:.0f} ms here, and this machine was busy."
            )
        for count in rest:
            if not count.perfect:
                raise DemoError(
                    f"{count.what}: {count.sent} sent, {count.missing} missing, {count.twice} twice, "
                    f"{count.altered} altered",
                    hint=f"The logs are in {self._folder}.",
                )

    def _show_diagnosis(self, diagnosis: Diagnosis) -> None:
        labels = self._script.labels.get(_start_us(diagnosis))
        if labels is not None:
            self._screen.diagnosis(diagnosis, labels, self._stored)

    def _show_alert(self, alert: Alert) -> None:
        self._screen.alert(alert)

    async def _count_rows(self, database: Database) -> None:
        while True:
            self._stored = await database.count_diagnoses()
            await asyncio.sleep(0.5)

    def _subfolder(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder


async def _alongside(work: Coroutine[Any, Any, None], *companions: Awaitable[None]) -> None:
    """Await `work`; a companion that ends before it ends it, with the companion's error."""
    tasks = [asyncio.ensure_future(task) for task in (work, *companions)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _start_us(diagnosis: Diagnosis) -> int:
    return microseconds(diagnosis.window_start)
