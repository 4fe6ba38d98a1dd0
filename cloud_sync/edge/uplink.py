"""The uplink: batches from the outbox to the centre, each until it is acknowledged. The outbox is the queue.

It runs beside diagnosis and never in its way. What may go, and when, the gate says. When the centre can't be reached
the uplink waits longer and longer, with jitter; when the centre doesn't accept the credential it waits for another one
to be enrolled; a batch that the centre can't take is split, until what it can't take is alone and can be set aside.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import structlog

from cloud_sync.batch_codec import CONTENT_TYPE
from cloud_sync.box_time import BoxTime
from cloud_sync.edge.centre_client import CentreClient
from cloud_sync.edge.credential import read_credential
from cloud_sync.edge.gate import Gate, Permit
from cloud_sync.edge.retry import RETRY_POLICY, RetryPolicy
from cloud_sync.edge.rotation import rotate_credential
from cloud_sync.edge.sealed_batch import Outbox, SealedBatch
from cloud_sync.trace import batch_trace_id
from cloud_sync.wire import Acknowledgement
from edge_runtime.errors import (
    CentreError,
    CentreUnreachableError,
    ConfigurationError,
    CredentialError,
    RefusedError,
)

_log = structlog.get_logger(__name__)
_PATH = "/api/v1/ingest"
_ROTATE_AGAIN_S = 600.0


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """Reported when it changes: once when something is wrong, once when it is over."""

    healthy: bool
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class UplinkState:
    """What the uplink is at.

    Attributes:
        last_success: when the centre last acknowledged a batch.
        failures: tries in vain since.
        next_try: when it tries again after a failure; None when it isn't waiting for that.
        waits: why it doesn't send everything at once.
    """

    last_success: datetime | None = None
    failures: int = 0
    next_try: datetime | None = None
    waits: tuple[str, ...] = ()


class Uplink:
    """Sends what is in the outbox.

    Args:
        client: of the centre.
        outbox: the queue.
        credential_file: read for every batch, so that a new enrolment is taken up at once.
        gate: what may go now.
        report: gets every change of status.
        jitter: seeded by the machine's name, so that boxes of a fleet differ.
        policy: how long to wait.
        monotonic: clock of waits, s.
        now: the box's local time, with its zone.
        sleep: `asyncio.sleep`, or a test's.
        box_time: what the centre is told of the box's time with every batch; None tells it nothing.

    Attributes:
        state: what it is at now.
    """

    def __init__(
        self,
        client: CentreClient,
        outbox: Outbox,
        credential_file: Path,
        gate: Gate,
        *,
        report: Callable[[UplinkStatus], None],
        jitter: random.Random,
        policy: RetryPolicy = RETRY_POLICY,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC).astimezone(),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        box_time: Callable[[], BoxTime] | None = None,
    ) -> None:
        self.state = UplinkState()
        self._client = client
        self._outbox = outbox
        self._credential_file = credential_file
        self._gate = gate
        self._report = report
        self._jitter = jitter
        self._policy = policy
        self._monotonic = monotonic
        self._now = now
        self._sleep = sleep
        self._box_time = box_time
        self._said = "unknown"
        self._rotates_from_s = 0.0

    async def run(self, wake: asyncio.Event) -> None:
        """Send until cancelled. Set `wake` when there is something new in the outbox."""
        while True:
            wake.clear()
            permit = await self._permit()
            try:
                dealt_with = await self.send_one(permit)
            except CredentialError as error:
                self._say(error)
                self.state = replace(self.state, waits=("the centre doesn't accept this box",))
                await self._wait_for_credential()
            except CentreUnreachableError as error:
                self._say(error)
                await self._back_off(error)
            else:
                if not dealt_with:
                    await self._wait(wake, permit)

    async def send_one(self, permit: Permit) -> bool:
        """Send what is first to go. True when it is dealt with, False when nothing that may go waits.

        Raises:
            CredentialError: the centre doesn't accept this box; the batch stays.
            CentreUnreachableError: no acknowledgement; the batch stays.
        """
        began_s = self._monotonic()
        batch = await self._outbox.next_batch(permit.lanes, permit.max_bytes)
        if batch is None:
            return False
        busy_s = self._monotonic() - began_s
        try:
            acknowledgement = await self._post(batch)
        except RefusedError as error:
            await self._refused(batch, error)
        except CentreUnreachableError:
            self._gate.failed(len(batch.body), self._monotonic())
            await self._outbox.count_unanswered(batch.lane, len(batch.body))
            raise
        else:
            answered_s = self._monotonic()
            await self._outbox.acknowledge(batch.boot, batch.number, len(batch.body))
            busy_s += self._monotonic() - answered_s
            self._succeeded()
            if acknowledgement.rotate:
                await self._rotate()
        self._gate.sent(batch.lane, len(batch.body), busy_s, self._monotonic())
        return True

    async def _permit(self) -> Permit:
        permit = self._gate.permit(self._monotonic(), self._now(), await self._outbox.sent_today())
        waits = tuple(f"{', '.join(hold.lanes)}: {hold.why}" for hold in permit.holds)
        self.state = replace(self.state, next_try=None, waits=waits)
        return permit

    async def _post(self, batch: SealedBatch) -> Acknowledgement:
        credential = (await asyncio.to_thread(read_credential, self._credential_file)).credential
        trace_id = batch_trace_id(batch.boot, batch.number)
        acknowledgement = await self._client.post(
            *(_PATH, batch.body, CONTENT_TYPE, credential, Acknowledgement, trace_id),
            box_time=self._box_time() if self._box_time else None,
        )
        if (acknowledgement.boot, acknowledgement.number) != (batch.boot, batch.number):
            raise CentreUnreachableError(
                f"the centre acknowledges batch {acknowledgement.number} of {acknowledgement.boot}, "
                f"which isn't what was sent ({batch.number} of {batch.boot})",
                hint="Is something on the way that answers for the centre?",
            )
        return acknowledgement

    async def _refused(self, batch: SealedBatch, error: RefusedError) -> None:
        """Split the batch; set a single record aside, unless it was merely too slow, which isn't the record's fault.

        Raises:
            CentreUnreachableError: nothing can be made smaller; to be tried again.
        """
        if batch.records == 1:
            if error.status == httpx.codes.REQUEST_TIMEOUT:
                self._gate.failed(len(batch.body), self._monotonic())
                raise CentreUnreachableError(str(error), hint="The network is too slow for a window.") from error
            _log.error(
                "record set aside",
                lane=batch.lane,
                reason=str(error),
                trace_id=batch_trace_id(batch.boot, batch.number),
                hint="See: hydrosight sync dead-letters",
            )
        await self._outbox.refuse(batch.boot, batch.number, str(error), len(batch.body))

    def _succeeded(self) -> None:
        self.state = replace(self.state, last_success=self._now(), failures=0)
        self._say(None)

    async def _back_off(self, error: CentreUnreachableError) -> None:
        failures = self.state.failures + 1
        wait_s = self._policy.wait_s(failures, error.retry_after_s, self._jitter)
        next_try = self._now() + timedelta(seconds=wait_s)
        self.state = replace(self.state, failures=failures, next_try=next_try, waits=(str(error),))
        await self._sleep(wait_s)

    async def _wait(self, wake: asyncio.Event, permit: Permit) -> None:
        """Until there is something new, a hold ends, or it is time for a look all the same."""
        timeout_s = min(self._policy.idle_s, permit.again_s or self._policy.idle_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):  # unlike wait_for of Python 3.11, it never swallows a cancellation
                await wake.wait()

    async def _rotate(self) -> None:
        """Renew the credential; when that fails the old one serves on, and it is tried again later."""
        if self._monotonic() < self._rotates_from_s:
            return
        self._rotates_from_s = self._monotonic() + _ROTATE_AGAIN_S
        try:
            renewed = await rotate_credential(self._client, self._credential_file)
        except (CentreError, ConfigurationError) as error:
            _log.warning("credential not renewed", reason=str(error), hint=error.hint)
        else:
            _log.info("credential renewed" if renewed else "credential was enrolled anew meanwhile")

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
        said = "healthy" if error is None else type(error).__name__
        if said != self._said:
            self._said = said
            self._report(
                UplinkStatus(healthy=True, message="batches reach the centre")
                if error is None
                else UplinkStatus(healthy=False, message=str(error), hint=error.hint)
            )
