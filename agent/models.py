"""Which model diagnoses: opens the active slot at start, tries an update before it is trusted, and goes back.

A new model must open, reproduce its golden windows on this box, fit this machine and diagnose the machine's latest
stored windows before it takes over; then it is on probation. When it fails during probation, or the agent is restarted
too often meanwhile, the former one comes back.
"""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import structlog

from edge_runtime.advice import AdviceBook
from edge_runtime.backends.onnx import OnnxBackend
from edge_runtime.bundle import Bundle, open_bundle
from edge_runtime.diagnoser import Diagnoser
from edge_runtime.errors import BackendError, BundleError, ConfigurationError, HydrosightError, UpdateError
from edge_runtime.golden import check_golden
from edge_runtime.machine import Machine
from edge_runtime.slots import Slots
from edge_runtime.window import Window

log = structlog.get_logger("agent.models")


def agent_version() -> str:
    """Version of the installed agent."""
    return importlib.metadata.version("hydrosight")


class Models:
    """The model slots of one machine."""

    def __init__(
        self,
        machine: Machine,
        slots: Slots,
        shipped: Path,
        *,
        threads: int,
        probation_windows: int,
        advice: AdviceBook | None = None,
    ) -> None:
        self._machine = machine
        self._advice = advice
        self._slots = slots
        self._shipped = shipped
        self._threads = threads
        self._probation_windows = probation_windows

    @property
    def slots(self) -> Slots:
        """The slots on disk."""
        return self._slots

    def start(self) -> Diagnoser:
        """The diagnoser to start with: the active slot's, else the former one's, else the shipped bundle's.

        A shipped bundle whose release is above all that this box has had was installed by hand, and goes first.

        Raises:
            ConfigurationError: no bundle at all can be used.
        """
        try:
            if self._slots.record_start():
                log.warning("model_rolled_back", reason=self._slots.state.history[-1].reason)
            return self._from_slots() or self.load(self._slots.seed(self._shipped))
        except (BundleError, BackendError, UpdateError) as error:
            return self._unslotted(error)

    def _from_slots(self) -> Diagnoser | None:
        if self._is_newer(self._shipped):
            return None
        for path in (self._slots.active, self._slots.previous):
            if path is None:
                continue
            try:
                return self.load(path)
            except (BundleError, BackendError) as error:
                log.warning("model_refused", slot=path.name, error=str(error))
                self._slots.roll_back(str(error))
        return None

    def _is_newer(self, shipped: Path) -> bool:
        try:
            return open_bundle(shipped).manifest.release > self._slots.highest_release
        except BundleError as error:
            log.warning("shipped_model_refused", bundle=str(shipped), error=str(error))
            return False

    def _unslotted(self, cause: HydrosightError) -> Diagnoser:
        """Slots that can't be used, as on a full disk, don't stop diagnosis: the shipped bundle runs where it lies."""
        log.warning("slots_unusable", error=str(cause), hint=cause.hint)
        try:
            return self.load(self._shipped)
        except (BundleError, BackendError) as error:
            raise ConfigurationError(
                f"model.bundle {self._shipped}: {error}", hint=error.hint or "Name a bundle that fits this machine."
            ) from error

    def load(self, path: Path) -> Diagnoser:
        """Open a bundle, prove it on its golden windows, check that it fits the machine.

        Raises:
            BundleError: damaged, of another version, or made for other conditions.
            BackendError: the inference engine can't run it.
        """
        bundle = open_bundle(path)
        self._check_fit(bundle)
        backend = OnnxBackend(bundle.model_path, threads=self._threads)
        difference = check_golden(bundle, backend)
        log.info("model_proven", model=bundle.manifest.name, version=bundle.manifest.version, difference=difference)
        return Diagnoser(self._machine, bundle, backend, advice=self._advice)

    def tune(self, current: Diagnoser, *, threads: int, probation_windows: int) -> Diagnoser:
        """Take up other settings; gives the diagnoser to go on with: `current`, unless it has to be opened anew.

        Raises:
            BundleError: its bundle is damaged.
            BackendError: the inference engine can't run it so.
        """
        before, self._threads = self._threads, threads
        try:
            diagnoser = current if threads == before else self.load(current.bundle.path)
        except (BundleError, BackendError):
            self._threads = before
            raise
        self._probation_windows = probation_windows
        return diagnoser

    def try_update(self, candidate: Path, current: Diagnoser, recent: Sequence[Window]) -> Diagnoser:
        """Install a downloaded bundle into the idle slot and put it to the test on this machine's latest windows.

        Raises:
            UpdateError: it failed; the model in use stays.
        """
        installed = self._slots.install(candidate)
        try:
            diagnoser = self.load(installed)
            _check_window(diagnoser.bundle.manifest.window_s, current.bundle.manifest.window_s)
            diagnoser.diagnose_many(recent)
        except (BundleError, BackendError) as error:
            self._slots.reject(str(error))
            raise UpdateError(f"model {candidate.name} refused: {error}", hint=error.hint) from error
        return diagnoser

    def activate(self) -> None:
        """The tested bundle in the idle slot becomes the active one, on probation."""
        self._slots.activate(self._probation_windows)

    def survived_window(self) -> None:
        """A window was diagnosed and recorded: one step of probation.

        Raises:
            UpdateError: that can't be written down.
        """
        if self._slots.record_window():
            log.info("model_confirmed", slot=str(self._slots.active))

    def fall_back(self, reason: str) -> Diagnoser | None:
        """The active model fails on probation: return to the former one; None when it isn't on probation.

        Raises:
            BundleError: the former one is damaged.
            BackendError: the former one can't be run either.
            UpdateError: that can't be written down.
        """
        if not self._slots.on_probation:
            return None
        former = self._slots.roll_back(reason)
        return None if former is None else self.load(former)

    def _check_fit(self, bundle: Bundle) -> None:
        own = {condition.name for condition in self._machine.conditions}
        if own and not own & set(bundle.manifest.conditions):
            raise BundleError(
                f"{bundle.path}: diagnoses {', '.join(sorted(bundle.manifest.conditions))}; "
                f"machine {self._machine.name} has {', '.join(sorted(own))}",
                hint="Use a bundle trained for this machine's conditions.",
            )


def _check_window(offered_s: float, ours_s: float) -> None:
    if offered_s != ours_s:
        raise BundleError(
            f"diagnoses windows of {offered_s:g} s, the agent cuts {ours_s:g} s",
            hint="A model with another window length is set as model.bundle, not sent as an update.",
        )
