"""The machine's healthy baseline in the running agent: taken up when it changes, learned once when that is set."""

from collections.abc import Callable
from itertools import islice

import structlog

from agent.commissioning import Apprentice, JudgedWindow
from agent.status import AgentStatus
from agent.store.reader import StoreReader
from edge_runtime.baseline.document import MachineBaseline
from edge_runtime.baseline.shelf import BaselineShelf, Mark
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import BaselineError, HydrosightError, StoreError
from edge_runtime.machine import Machine
from edge_runtime.utc import utc_datetime
from edge_runtime.window import Window

log = structlog.get_logger("agent.baseline")
PART = "baseline"
CATCH_UP = 100
"""Stored windows to look at with each new one: a fraction of a second, so that a long record holds up no diagnosis."""
_EVER_US = 2**62


class BaselineKeeper:
    """Used in the thread that owns the store. A baseline that can't be used is said once; diagnosis goes on without."""

    def __init__(
        self,
        shelf: BaselineShelf,
        machine: Machine,
        status: AgentStatus,
        now_us: Callable[[], int],
        assume_healthy: int | None = None,
    ) -> None:
        """`assume_healthy`: learn from so many windows if there never was a baseline."""
        self._shelf = shelf
        self._machine = machine
        self._status = status
        self._now_us = now_us
        self._assume_healthy = assume_healthy
        self._apprentice: Apprentice | None = None
        self._stored_from_us: int | None = 0  # stored windows from here on haven't been looked at; None: all have
        self._seen: tuple[Mark | None, float] | None = None
        self._current: MachineBaseline | None = None

    def current(self, window_s: float) -> MachineBaseline | None:
        """The baseline in use for windows of this length; looks whether a command has changed it since."""
        seen = (self._shelf.mark, window_s)
        if seen != self._seen:
            self._seen = seen
            self._current = self._taken_up(window_s)
        return self._current

    def assume_healthy(self, windows: int | None) -> None:
        """Take up another setting; what was collected so far is collected anew."""
        self._assume_healthy = windows
        self._apprentice = None
        self._stored_from_us = 0

    def recorded(self, window: Window, diagnosis: Diagnosis, store: StoreReader) -> None:
        """A window was recorded: one more to learn from, if the machine is assumed healthy and never was learned."""
        if self._assume_healthy is None or self._shelf.mark is not None:
            return
        if self._apprentice is None:
            self._apprentice = Apprentice(self._machine, self._assume_healthy)
        try:
            self._apprentice.watch([(window, diagnosis)] if self._stored_from_us is None else self._stored(store))
        except StoreError as error:
            self._failed(error)
            return
        self._finish(self._apprentice)

    def _stored(self, store: StoreReader) -> list[JudgedWindow]:
        """The next stored windows that haven't been looked at; the one just recorded is the last of all."""
        windows = list(islice(store.judged_windows(self._machine.name, self._stored_from_us or 0, _EVER_US), CATCH_UP))
        self._stored_from_us = windows[-1][0].start_us + 1 if len(windows) == CATCH_UP else None
        return windows

    def _finish(self, apprentice: Apprentice) -> None:
        """Keep what was learned, once it is enough. On a full disk it is tried again with the next window."""
        try:
            learned = apprentice.learned(utc_datetime(self._now_us()))
            if learned:
                version = self._shelf.add(learned).version
                log.info("baseline_learned", version=version, windows=learned.windows, assumed_healthy=True)
        except BaselineError as error:
            self._failed(error)

    def _taken_up(self, window_s: float) -> MachineBaseline | None:
        try:
            baseline = self._shelf.active()
            if baseline:
                baseline.check_fits(self._machine, window_s)
        except BaselineError as error:
            self._failed(error)
            return None
        if self._current and baseline:  # a part that stays well is reported once, and its message would stay as it was
            self._status.forget(PART)
        if baseline:
            self._status.report(PART, healthy=True, message=f"version {baseline.version} is in use")
        else:
            self._status.forget(PART)
        return baseline

    def _failed(self, error: HydrosightError) -> None:
        self._status.report(PART, healthy=False, message=str(error), hint=error.hint)
