"""Whatever the network or the centre does to a request: every record arrives, once, and nothing is given up."""

import asyncio
import itertools
import os
import random
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from agent.core import CoreThread, StoreQueues
from agent.store.store import Store
from cloud_sync.edge.centre_client import CentreClient
from cloud_sync.edge.credential import write_credential
from cloud_sync.edge.gate import Gate, Limits
from cloud_sync.edge.lane import Lane
from cloud_sync.edge.link import Link
from cloud_sync.edge.retry import RetryPolicy
from cloud_sync.edge.uplink import Uplink, UplinkStatus
from cloud_sync.wire import Enrolment
from tests.servers.rude_centre import Record, RudeCentre
from tests.stored import MINUTE_US, alert, diagnosis, window

WEEK_WINDOWS = int(os.environ.get("HYDROSIGHT_WEEK_WINDOWS", "1500"))
QUICK = RetryPolicy(base_s=0.005, cap_s=0.02, idle_s=0.02)
NO_SPREAD = Limits(spread_s=0.0, catch_up_share=1.0)


class Box:
    """A real store behind an uplink."""

    def __init__(self, folder: Path, core: CoreThread, store: Store) -> None:
        self.core = core
        self.store = store
        self.credential_file = folder / "credential.json"
        self.reports: list[UplinkStatus] = []
        self.recorded: list[Record] = []
        write_credential(self.credential_file, Enrolment("a", "hsa_a_b", "press"))

    async def record(self, minutes: range) -> None:
        for minute in minutes:
            alerts = [alert(f"a{minute}", minute)] if minute % 5 == 0 else []
            await self.core.call(self.store.record, window(minute, samples=60), diagnosis(minute), alerts)
            self.recorded += [("window", minute * MINUTE_US), ("diagnosis", minute * MINUTE_US)]
            self.recorded += [("alert", minute * MINUTE_US) for _ in alerts]

    async def record_slowly(self, minutes: range) -> None:
        """So that each is a batch of its own."""
        for minute in minutes:
            await asyncio.sleep(0.05)
            await self.record(range(minute, minute + 1))

    async def pending(self) -> int:
        lanes = await self.core.call(self.store.lanes)
        return sum(content.records for content in lanes.values())

    async def send(self, link: Link, *, until: Callable[[], bool] = lambda: True) -> None:
        """Let the uplink run until nothing waits."""
        async with self._sending(link):
            while await self.pending() or not until():  # noqa: ASYNC110 - the store has no event for that
                await asyncio.sleep(0.01)

    async def send_in_vain(self, link: Link) -> None:
        """Let the uplink run until it says that it gets nothing through."""
        async with self._sending(link):
            while self.reports[-1].healthy:  # noqa: ASYNC110 - reports are a list
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def _sending(self, link: Link) -> AsyncIterator[None]:
        async with CentreClient(link) as client, asyncio.timeout(120):
            gate = Gate(NO_SPREAD, random.Random("press"), time.monotonic())
            uplink = Uplink(
                client,
                StoreQueues(self.core, self.store),
                self.credential_file,
                gate,
                report=self.reports.append,
                jitter=random.Random("press"),
                policy=QUICK,
            )
            sending = asyncio.create_task(uplink.run(asyncio.Event()))
            try:
                yield
            finally:
                sending.cancel()
                await asyncio.wait([sending])

    def assert_everything_arrived_once(self, centre: RudeCentre) -> None:
        assert Counter(centre.arrived) == Counter(self.recorded)
        assert self.store.dead_letters() == []
        assert self.store.losses() == []


@asynccontextmanager
async def a_box(folder: Path) -> AsyncIterator[Box]:
    core = CoreThread()
    store = await core.call(Store.open, folder / "store.db", "boot-1")
    try:
        yield Box(folder, core, store)
    finally:
        await core.call(store.close)
        core.close()


def link_to(centre: RudeCentre, timeout_s: float = 0.3) -> Link:
    return Link(f"http://127.0.0.1:{centre.port}", timeout_s=timeout_s)


RUDE = (
    *(
        "cut body",
        "cut answer",
        "half answer",
        "429",
        "500",
        "503",
        "never",
        "redirect",
        "portal",
        "garbage",
        "endless",
    ),
    "reset",
)


@pytest.mark.parametrize("manner", RUDE)
async def test_every_record_arrives_once_from_a_centre_that_is_rude_two_times_of_three(
    tmp_path: Path, manner: str
) -> None:
    manners = itertools.cycle([manner, manner, "polite"])
    async with a_box(tmp_path) as box, RudeCentre(manners) as centre:
        await box.record(range(12))
        await box.send(link_to(centre, timeout_s=0.3 if manner == "never" else 60))
        await box.core.call(box.assert_everything_arrived_once, centre)
        assert manner == "never" or (centre.duplicates > 0) is (manner in {"cut answer", "half answer"})
        assert not box.reports[0].healthy
        assert box.reports[-1].healthy


async def test_every_record_arrives_once_from_a_centre_that_is_rude_as_it_pleases(tmp_path: Path) -> None:
    dice = random.Random(7)
    manners = (dice.choice([*RUDE, "polite", "polite"]) for _ in itertools.count())
    async with a_box(tmp_path) as box, RudeCentre(manners) as centre:
        for first in range(0, 40, 8):
            await box.record(range(first, first + 8))
            await box.send(link_to(centre, timeout_s=0.1))
        await box.core.call(box.assert_everything_arrived_once, centre)


async def test_a_centre_that_comes_and_goes_all_the_time(tmp_path: Path) -> None:
    """Nobody listens, somebody does, nobody does, …, while windows go on being recorded."""
    async with a_box(tmp_path) as box:
        centre = RudeCentre()
        async with centre:
            pass
        flapping = asyncio.create_task(_flap(centre))
        recording = asyncio.create_task(box.record(range(60)))
        await box.send(link_to(centre), until=recording.done)
        flapping.cancel()
        await asyncio.wait([flapping])
        await box.core.call(box.assert_everything_arrived_once, centre)


async def _flap(centre: RudeCentre) -> None:
    while True:
        async with centre:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)


async def test_after_a_week_without_the_cloud_what_is_new_still_goes_first(tmp_path: Path) -> None:
    """A week of windows waits; while it goes, new ones are recorded. None of them waits for more than one batch."""
    async with a_box(tmp_path) as box, RudeCentre() as centre:
        await box.record(range(WEEK_WINDOWS))
        overtaken: list[int] = []

        def arrived(minute: int) -> bool:
            return ("window", minute * MINUTE_US) in centre.arrived

        async def record_new() -> None:
            while not arrived(0):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            for minute in range(WEEK_WINDOWS, WEEK_WINDOWS + 5):
                await box.record(range(minute, minute + 1))
                before = len(centre.batches)
                while not arrived(minute):  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
                overtaken.append(centre.batches[before:].count(True))

        recording = asyncio.create_task(record_new())
        await box.send(link_to(centre, timeout_s=10), until=recording.done)
        await recording
        await box.core.call(box.assert_everything_arrived_once, centre)
        assert max(overtaken) <= 1, "the batch of the backlog that was on its way"
        backlog = [time_us for kind, time_us in centre.arrived if kind == "window"][8:]
        backlog = [time_us for time_us in backlog if time_us < (WEEK_WINDOWS - 8) * MINUTE_US]
        assert backlog == sorted(backlog), "the oldest first"


def identity(folder: Path, ca: trustme.CA, name: str) -> tuple[bytes, bytes]:
    certificate = ca.issue_cert("box.example.com", organization_unit_name=name)
    return certificate.cert_chain_pems[0].bytes(), certificate.private_key_pem.bytes()


async def test_a_client_certificate_is_replaced_without_losing_a_batch(tmp_path: Path) -> None:
    """First the certificate alone, which doesn't fit its key, then the key: as any tool writes them."""
    ca = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(tls)
    ca.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    first, second = identity(tmp_path, ca, "first"), identity(tmp_path, ca, "second")
    certificate, key = tmp_path / "box.pem", tmp_path / "box.key"
    certificate.write_bytes(first[0])
    key.write_bytes(first[1])
    async with a_box(tmp_path) as box, RudeCentre(tls=tls) as centre:
        link = Link(
            f"https://127.0.0.1:{centre.port}",
            ca_file=tmp_path / "ca.pem",
            certificate_file=certificate,
            key_file=key,
            timeout_s=60,
        )

        def replace_one_after_the_other() -> None:
            if len(centre.peers) == 2:
                certificate.write_bytes(second[0])
            elif len(centre.peers) == 4:
                key.write_bytes(second[1])

        centre.on_batch = replace_one_after_the_other
        recording = asyncio.create_task(box.record_slowly(range(12)))
        await box.send(link, until=recording.done)
        await box.core.call(box.assert_everything_arrived_once, centre)
        assert centre.peers[:4] == ["first"] * 4
        assert set(centre.peers[-4:]) == {"second"}
        anonymous = replace(link, certificate_file=None, key_file=None)
        await box.record(range(12, 13))
        await box.send_in_vain(anonymous)
        assert (await box.pending()) > 0
        await box.send(link)
        await box.core.call(box.assert_everything_arrived_once, centre)


class Proxy:
    """An HTTP proxy that tunnels (CONNECT) for whoever knows the password."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.asked.append(head.splitlines()[0])
        if "Proxy-Authorization: Basic Ym94OnMzY3JldA==" not in head.replace(
            "proxy-authorization", "Proxy-Authorization"
        ):
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            return
        host, _, port = head.split()[1].rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()


async def test_batches_go_through_a_proxy_with_a_password_and_never_through_the_environments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(tls)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    password = tmp_path / "proxy-password"
    password.write_text("box:wrong\n")
    proxy = Proxy()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with a_box(tmp_path) as box, RudeCentre(tls=tls) as centre, server:
        direct = Link(f"https://127.0.0.1:{centre.port}", ca_file=tmp_path / "ca.pem", timeout_s=60)
        await box.record(range(2))
        await box.send(direct)
        assert proxy.asked == []
        through = replace(
            direct,
            proxy=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
            proxy_credentials_file=password,
        )
        await box.record(range(2, 4))
        await box.send_in_vain(through)
        password.write_text("box:s3cret\n")
        await box.send(through)
        assert set(proxy.asked) == {f"CONNECT 127.0.0.1:{centre.port} HTTP/1.1"}
        await box.core.call(box.assert_everything_arrived_once, centre)


async def test_lanes_shut_by_a_budget_open_again(tmp_path: Path) -> None:
    """A metered box sends alerts and diagnoses; the windows wait, and go once it isn't metered."""
    async with a_box(tmp_path) as box, RudeCentre() as centre:
        await box.record(range(3))
        async with CentreClient(link_to(centre)) as client:
            gate = Gate(replace(NO_SPREAD, metered=True), random.Random(1), time.monotonic())
            uplink = Uplink(
                client,
                StoreQueues(box.core, box.store),
                box.credential_file,
                gate,
                report=box.reports.append,
                jitter=random.Random(1),
                policy=QUICK,
            )
            sending = asyncio.create_task(uplink.run(asyncio.Event()))
            async with asyncio.timeout(60):
                while await box.pending() > 3 or not uplink.state.waits:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            sending.cancel()
            await asyncio.wait([sending])
            assert any("centre.metered" in why for why in uplink.state.waits)
        lanes = await box.core.call(box.store.lanes)
        assert {lane for lane, content in lanes.items() if content.records} == {Lane.FRESH}
        await box.send(link_to(centre))
        await box.core.call(box.assert_everything_arrived_once, centre)
