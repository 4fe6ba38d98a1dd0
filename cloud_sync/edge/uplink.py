"""The uplink: batches from the outbox to the centre, each until it is acknowledged. The outbox is the queue.

It runs beside diagnosis and never in its way. When the centre can't be reached it waits longer and longer, with jitter,
so that a fleet doesn't come back all at once; when the centre doesn't accept the credential it waits for another one to
be enrolled; a batch that the centre can't take is set aside, so that it doesn't hold up those behind it.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx
import structlog

from cloud_sync.edge.centre import raise_for_answer, unreachable
from cloud_sync.edge.credential import read_credential
from cloud_sync.wire import CONTENT_TYPE, Acknowledgement, Batch, decode_json, encode_batch
from edge_runtime.errors import CentreError, CentreUnreachableError, CredentialError, RefusedError, WireError

_log = structlog.get_logger(__name__)


class Outbox(Protocol):
    """The queue of batches on the box."""

    async def next_batch(self) -> Batch | None:
        """The oldest batch that isn't acknowledged, the same each time until it is; None when there is nothing."""

    async def acknowledge(self, boot: str, number: int) -> None:
        """The centre has it on disk: it may go."""

    async def set_aside(self, boot: str, number: int, reason: str) -> None:
        """The centre can't take it: out of the queue, kept for a person to look at."""


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """Reported when it changes: once when something is wrong, once when it is over."""

    healthy: bool
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait, seconds.

    Attributes:
        base_s: upper bound of the first wait; it doubles with every failure.
        cap_s: where doubling ends.
        idle_s: how often to look into an empty outbox, when nobody calls.
        credential_s: how often to offer a credential that was refused once more.
        credential_look_s: how often to look whether there is another one.
    """

    base_s: float = 1.0
    cap_s: float = 300.0
    idle_s: float = 60.0
    credential_s: float = 900.0
    credential_look_s: float = 5.0

    def wait_s(self, failures: int, retry_after_s: float | None, jitter: random.Random) -> float:
        """Wait before the next try after `failures` in a row (1 or more).

        Full jitter over an exponential bound (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog,
        2015), on top of what the centre asked for.
        """
        bound = min(self.cap_s, self.base_s * 2.0 ** min(failures - 1, 60))
        return (retry_after_s or 0.0) + jitter.uniform(0.0, bound)


class Uplink:
    """Sends what is in the outbox.

    Args:
        client: for the centre, from `cloud_sync.edge.centre.open_client`.
        outbox: the queue.
        credential_file: read for every batch, so that a new enrolment is taken up at once.
        report: gets every change of status.
        jitter: seeded by the machine's name, so that boxes of a fleet differ.
        policy: how long to wait.
        sleep: `asyncio.sleep`, or a test's.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        outbox: Outbox,
        credential_file: Path,
        *,
        report: Callable[[UplinkStatus], None],
        jitter: random.Random,
        policy: RetryPolicy = RetryPolicy(),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._credential_file = credential_file
        self._report = report
        self._jitter = jitter
        self._policy = policy
        self._sleep = sleep
        self._state = "unknown"

    async def send_one(self) -> bool:
        """Send the oldest batch. True when it is dealt with (acknowledged or set aside), False when there is none.

        Raises:
            CredentialError: the centre doesn't accept this box; the batch stays.
            CentreUnreachableError: no acknowledgement; the batch stays.
        """
        batch = await self._outbox.next_batch()
        if batch is None:
            return False
        body = await asyncio.to_thread(encode_batch, batch)
        try:
            acknowledgement = await self._post(body)
        except RefusedError as error:
            _log.error("batch set aside", boot=batch.boot, number=batch.number, reason=str(error), hint=error.hint)
            await self._outbox.set_aside(batch.boot, batch.number, str(error))
            return True
        if (acknowledgement.boot, acknowledgement.number) != (batch.boot, batch.number):
            raise CentreUnreachableError(
                f"the centre acknowledges batch {acknowledgement.number} of {acknowledgement.boot}, "
                f"which isn't what was sent ({batch.number} of {batch.boot})",
                hint="Is something on the way that answers for the centre?",
            )
        await self._outbox.acknowledge(batch.boot, batch.number)
        return True

    async def run(self, wake: asyncio.Event) -> None:
        """Send until cancelled. Set `wake` when there is something new in the outbox."""
        failures = 0
        while True:
            wake.clear()
            try:
                dealt_with = await self.send_one()
            except CredentialError as error:
                self._say(error)
                await self._wait_for_credential()
            except CentreUnreachableError as error:
                self._say(error)
                failures += 1
                await self._sleep(self._policy.wait_s(failures, error.retry_after_s, self._jitter))
            else:
                failures = 0
                if dealt_with:
                    self._say(None)
                else:
                    await _wait(wake, self._policy.idle_s)

    async def _post(self, body: bytes) -> Acknowledgement:
        credential = (await asyncio.to_thread(read_credential, self._credential_file)).credential
        headers = {"Content-Type": CONTENT_TYPE, "Authorization": f"Bearer {credential}"}
        try:
            response = await self._client.post("/api/v1/ingest", content=body, headers=headers)
        except httpx.HTTPError as error:
            raise unreachable(error, str(self._client.base_url)) from error
        raise_for_answer(response)
        try:
            return decode_json(response.content, Acknowledgement)
        except WireError as error:
            raise CentreUnreachableError(
                f"{self._client.base_url} doesn't answer as the centre does: {error}",
                hint="Is something on the way that answers for the centre, such as a login page?",
            ) from error

    async def _wait_for_credential(self) -> None:
        """Until the credential file changes, or it is time to offer the same one again."""
        refused = await asyncio.to_thread(self._content)
        waited = 0.0
        while waited < self._policy.credential_s and await asyncio.to_thread(self._content) == refused:
            await self._sleep(self._policy.credential_look_s)
            waited += self._policy.credential_look_s

    def _content(self) -> tuple[bytes, int] | None:
        try:
            return self._credential_file.read_bytes(), self._credential_file.stat().st_mode
        except OSError:
            return None

    def _say(self, error: CentreError | None) -> None:
        """Report a change: of the kind of trouble, or that it is over, or that the first batch got through."""
        state = "healthy" if error is None else type(error).__name__
        if state != self._state:
            self._state = state
            self._report(
                UplinkStatus(healthy=True, message="batches reach the centre")
                if error is None
                else UplinkStatus(healthy=False, message=str(error), hint=error.hint)
            )


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):  # unlike wait_for of Python 3.11, it never swallows a cancellation
            await event.wait()
