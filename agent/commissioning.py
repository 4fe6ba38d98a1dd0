"""Learning how this machine looks when it is healthy, from windows that the box has recorded."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from itertools import islice

from edge_runtime.baseline.document import BaselineSource, MachineBaseline
from edge_runtime.baseline.fit import fit_baseline, merge_baselines
from edge_runtime.baseline.profile import WindowProfile, profile
from edge_runtime.diagnosis import Diagnosis
from edge_runtime.errors import BaselineError
from edge_runtime.machine import Machine
from edge_runtime.sensor_check import check_sensors
from edge_runtime.vocabulary import Ne107State
from edge_runtime.window import Window

BATCH = 1000
"""Windows of a batch: medians are taken over so many, some megabytes; batches are merged."""

JudgedWindow = tuple[Window, Diagnosis | None]


class Unfit(Enum):
    """What is done about windows that speak against being healthy."""

    REFUSE = auto()
    LEAVE_OUT = auto()
    TAKE = auto()


def is_of(machine: Machine, window: Window) -> bool:
    """Whether a window was recorded with the sensors that the machine file has now."""
    return [channel.sensor for channel in window.channels] == list(machine.sensor_index)


def unfit_reason(machine: Machine, window: Window, diagnosis: Diagnosis | None) -> str | None:
    """Why a window isn't one to learn from; None when nothing speaks against it.

    An abstention doesn't: a machine that no model was trained on can be commissioned as well.
    """
    if not is_of(machine, window):
        return "of other sensors than the machine file has"
    if diagnosis is None:
        return "without a diagnosis"
    if diagnosis.sensor_faults:
        return ", ".join(f"{fault.sensor} {fault.kind.value}" for fault in diagnosis.sensor_faults)
    faulty = [item for item in diagnosis.components if not item.abstained and item.ne107 is not Ne107State.NORMAL]
    return ", ".join(f"{item.component} at {item.level}" for item in faulty) or None


def learn(
    machine: Machine,
    windows: Iterable[JudgedWindow],
    *,
    created: datetime,
    source: BaselineSource = BaselineSource.COMMISSIONING,
    unfit: Unfit = Unfit.REFUSE,
) -> MachineBaseline:
    """The baseline of these windows.

    Raises:
        BaselineError: there are none, they are of different lengths, or some aren't fit to learn from and that is
            refused; says how many and why.
    """
    why_not: Counter[str] = Counter()
    profiles = _profiles(machine, windows, unfit, why_not)
    learned: MachineBaseline | None = None
    taken = 0
    while batch := list(islice(profiles, BATCH)):
        part = fit_baseline(machine, batch, created=created, source=source)
        learned = part if learned is None else merge_baselines(machine, learned, part)
        taken += len(batch)
    if why_not and unfit is Unfit.REFUSE:
        raise _refusal(why_not, taken)
    return learned or fit_baseline(machine, (), created=created, source=source)


@dataclass(slots=True)
class Apprentice:
    """Collects the first fit windows of a machine that is taken for healthy, until there are enough.

    Attributes:
        machine: the machine.
        needed: so many windows.
    """

    machine: Machine
    needed: int
    _profiles: list[WindowProfile] = field(default_factory=list)

    @property
    def collected(self) -> int:
        """So many fit windows so far."""
        return len(self._profiles)

    def watch(self, windows: Iterable[JudgedWindow]) -> None:
        """Take the fit ones of these, until there are enough; from the start when another model has other windows."""
        for item in _profiles(self.machine, windows, Unfit.LEAVE_OUT, Counter()):
            if self._profiles and self._profiles[0].length_us != item.length_us:
                self._profiles.clear()
            if self.collected == self.needed:
                return
            self._profiles.append(item)

    def learned(self, created: datetime) -> MachineBaseline | None:
        """The baseline, once there are enough.

        Raises:
            BaselineError: none says what the machine was doing.
        """
        if self.collected < self.needed:
            return None
        return fit_baseline(self.machine, self._profiles, created=created, source=BaselineSource.ASSUMED)


def _profiles(
    machine: Machine, windows: Iterable[JudgedWindow], unfit: Unfit, why_not: Counter[str]
) -> Iterator[WindowProfile]:
    """Profiles of the windows to take; notes in `why_not` what speaks against the others."""
    for window, diagnosis in windows:
        reason = unfit_reason(machine, window, diagnosis)
        if reason:
            why_not[reason] += 1
        if not reason or (unfit is Unfit.TAKE and is_of(machine, window)):
            checked, _ = check_sensors(machine, window)
            yield profile(checked)


def _refusal(why_not: Counter[str], fit: int) -> BaselineError:
    number = why_not.total()
    reasons = "; ".join(f"{count} × {reason}" for reason, count in why_not.most_common(5))
    more = f"; and {len(why_not) - 5} other reasons" if len(why_not) > 5 else ""
    return BaselineError(
        f"{number} of {number + fit} windows don't look healthy: {reasons}{more}",
        hint=f"Mend that, or name another period. --leave-out-unfit learns from the other {fit}, --force from all.",
    )
