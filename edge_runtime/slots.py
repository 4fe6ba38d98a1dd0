"""Two slots for model bundles, A and B: a new model goes into the idle one and has to prove itself before it stays.

    DIRECTORY/a/  DIRECTORY/b/    a bundle each
    DIRECTORY/state.json          `SlotState`: which one is active, which was before, how much probation is left
    DIRECTORY/lock                one process changes the slots at a time

    install ──► candidate ──activate──► active, on probation ──confirm──► active
                    └──reject              └──roll_back──► the former one is active again

Every step ends with one atomic replacement of `state.json`. A slot is only written to while the state points nowhere
near it. So whenever the power goes, the state is the one before or the one after, and the active slot is whole.

The highest release that was ever active or rejected is kept, and an update has to be above it: a release that was
rolled back does not come again. Only a person can go lower, by `install` with `allow_older` or by `seed`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from edge_runtime.bundle import MANIFEST_FILE, Bundle, open_bundle
from edge_runtime.durable import replace_file, replace_folder
from edge_runtime.errors import BundleError, UpdateError
from edge_runtime.folder_lock import locked
from edge_runtime.slot_state import STARTS_ON_PROBATION, STATE_SCHEMA, SlotContent, SlotName, SlotState

STATE_FILE = "state.json"


class Slots:
    """The slots of one box, on disk. Any process may read; those that change them wait for each other."""

    def __init__(self, directory: Path) -> None:
        """Name the directory; the first change creates it."""
        self._directory = directory

    @property
    def state(self) -> SlotState:
        """What stands on disk; when `state.json` is damaged, what can be told from the slots themselves.

        Raises:
            UpdateError: it can't be read by this user, or a newer agent wrote it.
        """
        file = self._directory / STATE_FILE
        try:
            state = SlotState.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return SlotState()
        except OSError as error:
            raise UpdateError(
                f"{file}: can't be read: {error.strerror}", hint="Run the command as the agent's user, or with sudo."
            ) from error
        except ValidationError as error:
            return self._recovered(f"{STATE_FILE} was damaged: {error.errors()[0]['msg']}")
        if state.schema_version > STATE_SCHEMA:
            raise UpdateError(
                f"{file}: has schema version {state.schema_version}, this agent knows up to {STATE_SCHEMA}",
                hint="Go back to the newer agent, or remove the file to start from the shipped model.",
            )
        return state

    @property
    def active(self) -> Path | None:
        """The bundle that diagnoses; None before the first one."""
        return self._folder(self.state.active)

    @property
    def previous(self) -> Path | None:
        """The bundle that `roll_back` returns to."""
        return self._folder(self.state.previous)

    @property
    def on_probation(self) -> bool:
        """Whether the active bundle still has to prove itself."""
        return self.state.probation_left > 0

    @property
    def highest_release(self) -> int:
        """An update has to be above it."""
        return self.state.highest_release

    def seed(self, bundle_folder: Path) -> Path:
        """Make a bundle that a person or a package put on the box the active one, at once and whatever its release.

        Does nothing when it is the active one already, and whole.

        Returns:
            The active slot's folder.

        Raises:
            BundleError: it isn't a valid bundle.
            UpdateError: it can't be written.
        """
        bundle = open_bundle(bundle_folder)
        with self._change() as state:
            if state.active is not None and _holds(self._directory / state.active, bundle):
                return self._directory / state.active
            return self._activate(self._fill(state, bundle), probation_windows=0)

    def install(self, candidate: Path, *, allow_older: bool = False) -> Path:
        """Copy a bundle into the idle slot, where it waits for `activate`. The former way back is given up.

        Args:
            candidate: folder of the bundle.
            allow_older: take a release that isn't above `highest_release`.

        Returns:
            The slot's folder.

        Raises:
            BundleError: it isn't a valid bundle.
            UpdateError: the release is not above the highest, a probation is under way, or it can't be written.
        """
        bundle = open_bundle(candidate)
        release = bundle.manifest.release
        with self._change() as state:
            if state.probation_left:
                raise UpdateError(
                    f"release {release} has to wait: the active model is on probation for {state.probation_left} more "
                    f"windows, and the other slot holds the way back",
                    hint="Try again later, or end the probation with: hydrosight model confirm.",
                )
            if release <= state.highest_release and not allow_older:
                raise UpdateError(
                    f"{candidate}: release {release} isn't above {state.highest_release}, the highest this box has had",
                    hint="Publish it under a higher release; on this box alone: "
                    "hydrosight model install BUNDLE --allow-older",
                )
            filled = self._fill(state, bundle)
            return self._directory / filled.idle

    def activate(self, probation_windows: int) -> Path:
        """Make the candidate the active bundle; the former one stays as the way back.

        Args:
            probation_windows: so many windows must be recorded before it stays; 0: it stays at once.

        Returns:
            The active slot's folder.

        Raises:
            UpdateError: no bundle is installed, or the state can't be written.
            BundleError: the installed bundle has been damaged since.
        """
        with self._change() as state:
            if state.candidate is None:
                raise UpdateError("no model waits in the idle slot", hint="First: hydrosight model install DIR.")
            return self._activate(state, probation_windows)

    def reject(self, reason: str) -> None:
        """Give up the candidate, and never take its release again by an update. Does nothing without a candidate."""
        with self._change() as state:
            if state.candidate is not None:
                self._write(state.rejected(reason))

    def confirm(self) -> None:
        """End the probation: the active bundle stays. Does nothing when there is none."""
        with self._change() as state:
            if state.probation_left:
                self._write(state.confirmed())

    def record_window(self) -> bool:
        """A window was diagnosed and stored: one step of the probation, if there is one.

        Returns:
            True when that was the last step and the bundle stays.
        """
        if not self.on_probation:
            return False
        with self._change() as state:
            if not state.probation_left:
                return False
            after = state.window_recorded()
            self._write(after)
            return not after.probation_left

    def record_start(self) -> bool:
        """The agent starts. A model that brings the whole process down never gets as far as failing a window.

        Returns:
            True when the agent had started STARTS_ON_PROBATION times on probation without a window in between, and the
            former bundle is therefore active again.
        """
        if not self.on_probation:
            return False
        with self._change() as state:
            if state.starts_left:
                self._write(state.started())
                return False
            if state.previous is None:
                return False
            self._write(state.rolled_back(f"{STARTS_ON_PROBATION} starts on probation without a window in between"))
            return True

    def roll_back(self, reason: str) -> Path | None:
        """Make the former bundle the active one again. `highest_release` stays, so the bad one doesn't come back.

        Returns:
            The former bundle's folder; None when there is none, and then nothing changes.
        """
        with self._change() as state:
            if state.previous is None:
                return None
            self._write(state.rolled_back(reason))
            return self._directory / state.previous

    def _fill(self, state: SlotState, bundle: Bundle) -> SlotState:
        filling = state.filling()
        self._write(filling)
        folder = self._directory / filling.idle
        replace_folder(folder, bundle.path, [MANIFEST_FILE, *bundle.manifest.files])
        filled = filling.filled(_content(open_bundle(folder)))
        self._write(filled)
        return filled

    def _activate(self, state: SlotState, probation_windows: int) -> Path:
        folder = self._directory / state.idle
        open_bundle(folder)
        self._write(state.activated(probation_windows))
        return folder

    def _write(self, state: SlotState) -> None:
        replace_file(self._directory / STATE_FILE, state.model_dump_json(indent=2).encode())

    @contextmanager
    def _change(self) -> Iterator[SlotState]:
        """Hold the lock while the state is read and changed; what the disk refuses becomes an UpdateError."""
        try:
            with locked(self._directory):
                yield self.state
        except OSError as error:
            raise UpdateError(
                f"{self._directory}: can't be changed: {error}",
                hint="Free some room on the disk, or run the command as the agent's user.",
            ) from error

    def _folder(self, slot: SlotName | None) -> Path | None:
        return None if slot is None else self._directory / slot

    def _recovered(self, reason: str) -> SlotState:
        content = {}
        for slot in SlotName:
            try:
                content[slot] = _content(open_bundle(self._directory / slot))
            except BundleError:  # empty or damaged: not to be used
                continue
        return SlotState.recovered(content, reason)


def _content(bundle: Bundle) -> SlotContent:
    manifest = bundle.manifest
    return SlotContent(name=manifest.name, version=manifest.version, release=manifest.release, sha256=bundle.sha256)


def _holds(folder: Path, wanted: Bundle) -> bool:
    try:
        return open_bundle(folder).sha256 == wanted.sha256
    except BundleError:
        return False
