"""A centre with signed models, and boxes that ask it for them, with the real parts of the agent between."""

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
from click.testing import Result
from typer.testing import CliRunner

from agent.box_clock import BoxClock
from agent.model_notice import notices
from agent.models import Models
from agent.status import AgentStatus, Condition
from agent.updater import PART, Box, Updater
from cloud_sync.batch_codec import CONTENT_TYPE, encode_batch
from cloud_sync.cloud.cli.main import app
from cloud_sync.cloud.registry.keys import Keys, create_keys
from cloud_sync.cloud.registry.models import Registry
from cloud_sync.edge.credential import write_credential
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from cloud_sync.edge.offers import ModelOffers
from cloud_sync.edge.ota import ModelUpdates
from cloud_sync.wire import AlertRecord, Batch, DiagnosisRecord
from edge_runtime.alert import Alert, AlertState
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.slot_state import SlotState
from edge_runtime.slots import Slots
from edge_runtime.window import Window
from tests.models.tiny_bundle import build_tiny_bundle, window_of
from tests.servers.batches import MINUTE_US, diagnosis
from tests.servers.centre import Centre
from tests.tiny_agent import MACHINE


class Fleet:
    """Keys, signed models and a centre that serves them. `admin` is a client with an admin's token."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.folder = folder
        create_keys(folder / "keys")
        self.keys = Keys(folder / "keys")
        self.registry = Registry.create(folder / "repository", self.keys, now=datetime.now(UTC))
        self.centre = Centre(database_url, folder / "centre.log", "--tuf-repository", str(folder / "repository"))
        said = json.loads(self.command("operator", "create", "kim", "--role", "admin", "--json").stdout)
        self.admin = httpx.Client(base_url=self.centre.url, headers={"Authorization": f"Bearer {said['token']}"})

    def bundle(self, release: int, model: str) -> Path:
        """A bundle of version 1.<release>.0 that runs."""
        return build_tiny_bundle(
            self.folder / f"{model}-{release}", name=model, version=f"1.{release}.0", release=release
        )

    def command(self, *arguments: str) -> Result:
        """Run `hydrosight-cloud` with these arguments, in this process."""
        env = {
            "HYDROSIGHT_DATABASE_URL": self.centre.database_url,
            "HYDROSIGHT_TUF_REPOSITORY": str(self.folder / "repository"),
            "COLUMNS": "200",
        }
        return CliRunner().invoke(app, arguments, env=env)

    def publish(self, bundle: Path) -> None:
        """Sign it."""
        self.registry.publish(bundle, self.keys, now=datetime.now(UTC))

    def box(self, machine: str, model: str, *, asks: str | None = None) -> "FleetBox":
        """A box that was enrolled for a machine, came with release 1 of the model, and asks this URL for newer ones."""
        shipped = self.folder / f"{model}-1"
        return FleetBox(self, machine, shipped if shipped.exists() else self.bundle(1, model), asks)

    def close(self) -> None:
        """Stop the centre."""
        self.admin.close()
        self.centre.stop()


class FleetBox:
    """One box: its slots, its updater, and what it sends."""

    def __init__(self, fleet: Fleet, machine: str, shipped: Path, asks: str | None = None) -> None:
        self.machine = machine
        folder = fleet.folder / "boxes" / machine
        folder.mkdir(parents=True)
        link = Link(fleet.centre.url)
        self.credential = enrol(link, fleet.centre.token(machine), machine, "0.1.0", "")
        write_credential(folder / "credential.json", self.credential)
        asked = asks or fleet.centre.url
        self._client = Link(asked).open_blocking(10)
        self._url = fleet.centre.url
        self.models = Models(MACHINE, Slots(folder / "slots"), shipped, threads=1, probation_windows=2)
        self._diagnoser = self.models.start()
        self._status = AgentStatus()
        self._standing: dict[str, Alert] = {}
        self._batches = 0
        clock = BoxClock(folder / "floor")
        updates = ModelUpdates(
            folder / "tuf",
            folder / "downloads",
            f"{asked}/tuf",
            fleet.registry.root_path.read_bytes(),
            client=self._client,
            reference_time=clock.at_least,
        )
        self._updater = Updater(
            updates,
            ModelOffers(self._client, folder / "credential.json"),
            self.models,
            clock,
            Box(lambda: self._diagnoser, self._recent, self._take_over, self._tell, self._status),
        )

    @property
    def runs(self) -> str:
        """Version of the model in use."""
        return self._diagnoser.bundle.manifest.version

    @property
    def condition(self) -> Condition:
        """What it says of its updates."""
        return self._status.snapshot().conditions[PART]

    def check(self) -> str:
        """Ask the centre once, as it does every hour; gives the version in use then."""
        asyncio.run(self._updater.check_once())
        return self.runs

    def diagnose(self, level: str = "1") -> None:
        """Send the diagnosis of a window that ended just now."""
        start_us = time.time_ns() // 1000 - MINUTE_US
        said = Diagnosis.model_validate_json(diagnosis(self.machine, start_us).document)
        pump = said.components[0].model_copy(update={"level": level, "condition": "pump"})
        said = said.model_copy(update={"model": self._diagnoser.model, "components": (pump, *said.components[1:])})
        record = DiagnosisRecord(self.machine, start_us, said.model_dump_json().encode())
        self._send(diagnoses=(record,))
        self.models.survived_window()

    def fall_back(self, reason: str) -> None:
        """The model in use fails on probation."""
        former = self.models.fall_back(reason)
        assert former is not None
        self._diagnoser = former

    async def _recent(self) -> list[Window]:
        return [window_of(MACHINE)]

    async def _take_over(self, diagnoser: Diagnoser) -> None:
        self._diagnoser = diagnoser

    async def _tell(self, state: SlotState) -> None:
        now = datetime.now(UTC)
        changes = notices(state, list(self._standing.values()), machine=self.machine, now=now)
        for alert in changes:
            if alert.state is AlertState.RAISED:
                self._standing[alert.id] = alert
            else:
                del self._standing[alert.id]
        if changes:
            self._send(alerts=[_record(alert) for alert in changes])

    def _send(self, diagnoses: Sequence[DiagnosisRecord] = (), alerts: Sequence[AlertRecord] = ()) -> None:
        batch = Batch("boot", self._batches, diagnoses=tuple(diagnoses), alerts=tuple(alerts))
        self._batches += 1
        headers = {"Authorization": f"Bearer {self.credential.credential}", "Content-Type": CONTENT_TYPE}
        httpx.post(f"{self._url}/api/v1/ingest", content=encode_batch(batch), headers=headers).raise_for_status()

    def close(self) -> None:
        """Let its connection go."""
        self._client.close()


def _record(alert: Alert) -> AlertRecord:
    time_us = round((alert.cleared_at or alert.raised_at).timestamp() * 1e6)
    return AlertRecord(alert.machine, alert.id, alert.state, time_us, alert.model_dump_json().encode())
