"""From what happens in each beat to gaps: when readings cease, why, and when they come again. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from agent.store.gaps import Gap, GapCause

SILENT_PERIODS = 10
SILENT_AT_LEAST_US = 5_000_000
QUIET_US = 10_000_000
"""What is only counted is one gap until it hasn't grown for this long."""
_SILENCE = frozenset({GapCause.SOURCE_DOWN, GapCause.SILENT})


@dataclass(frozen=True, slots=True)
class Watched:
    """A sensor that should be heard. `limit_us`: it is silent after so long without a value."""

    source: str
    limit_us: int


@dataclass(frozen=True, slots=True)
class Beat:
    """What is known at one beat of the agent.

    Attributes:
        now_us: the box's time.
        heard: sensors that gave a value since the last beat, and when the last one came.
        faults: what the sources that are at fault say, by name.
        counted: what is only counted, since the start, by cause and source.
        refused: why the store took nothing; empty when it did.
    """

    now_us: int
    heard: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    counted: Mapping[tuple[GapCause, str], int] = field(default_factory=dict)
    refused: str = ""


class GapTracker:
    """Follows the beats. Gaps that an earlier run has left open go on, or end with the first value."""

    def __init__(self, next_number: int, open_gaps: Iterable[Gap] = ()) -> None:
        self._next_number = next_number
        self._open = {gap.number: gap for gap in open_gaps}
        self._began_before = frozenset(self._open)
        self._watched: dict[str, Watched] = {}
        self._heard_us: dict[str, int] = {}
        self._counted: dict[tuple[GapCause, str], int] = {}
        self._grown_us = {number: gap.began_us for number, gap in self._open.items()}

    def watch(self, sensors: Mapping[str, Watched], now_us: int) -> None:
        """These sensors should be heard from now on."""
        self._watched |= sensors
        self._heard_us |= {name: now_us for name in sensors if name not in self._heard_us}

    def watch_only(self, sensors: Collection[str], now_us: int) -> list[Gap]:
        """Nobody reads other sensors any more: their silence is none from now on. Gives the gaps that this ends."""
        silent = {name for gap in self._of(_SILENCE) for name in gap.sensors}
        gone = (silent | self._watched.keys()) - set(sensors)
        for name in gone:
            self._watched.pop(name, None)
            self._heard_us.pop(name, None)
        return list(self._ended(dict.fromkeys(gone, now_us)))

    def clock_set(self, shift_us: int) -> None:
        """The box's clock was set by so much: what has begun by it goes by the new time."""
        self._heard_us = {name: time_us + shift_us for name, time_us in self._heard_us.items()}
        self._grown_us = {number: time_us + shift_us for number, time_us in self._grown_us.items()}
        self._open = {
            number: gap if number in self._began_before else replace(gap, began_us=gap.began_us + shift_us)
            for number, gap in self._open.items()
        }

    def observe(self, beat: Beat) -> list[Gap]:
        """The gaps that began, changed or ended in this beat."""
        changed = [*self._ended(beat.heard), *self._explained(beat.faults)]
        self._heard_us |= beat.heard
        changed += [*self._begun(beat), *self._counted_on(beat), *self._refused(beat)]
        return list({gap.number: gap for gap in changed}.values())

    def _ended(self, heard: Mapping[str, int]) -> Iterable[Gap]:
        """Silences that are over; one that is over for some of its sensors only is split."""
        for gap in self._of(_SILENCE):
            back = tuple(name for name in gap.sensors if name in heard)
            if not back:
                continue
            ended_us = min(heard[name] for name in back)
            rest = tuple(name for name in gap.sensors if name not in heard)
            yield self._put(replace(gap, sensors=back, ended_us=ended_us))
            if rest:
                yield self._begin(gap.cause, gap.source, rest, gap.began_us, gap.detail)

    def _explained(self, faults: Mapping[str, str]) -> Iterable[Gap]:
        """Silences of sources that now say what is wrong."""
        for gap in self._of({GapCause.SILENT}):
            if gap.source in faults:
                yield self._put(replace(gap, cause=GapCause.SOURCE_DOWN, detail=faults[gap.source]))

    def _begun(self, beat: Beat) -> Iterable[Gap]:
        known = {name for gap in self._of(_SILENCE) for name in gap.sensors}
        silent: dict[str, list[str]] = {}
        for name, watched in self._watched.items():
            if name not in known and beat.now_us - self._heard_us[name] > watched.limit_us:
                silent.setdefault(watched.source, []).append(name)
        for source, names in silent.items():
            cause = GapCause.SOURCE_DOWN if source in beat.faults else GapCause.SILENT
            began_us = min(self._heard_us[name] for name in names)
            yield self._begin(cause, source, tuple(sorted(names)), began_us, beat.faults.get(source, ""))

    def _counted_on(self, beat: Beat) -> Iterable[Gap]:
        for (cause, source), total in beat.counted.items():
            more = total - self._counted.get((cause, source), 0)
            self._counted[cause, source] = total
            gap = next((one for one in self._of({cause}) if one.source == source), None)
            if more > 0:
                gap = gap or self._begin(cause, source, (), beat.now_us)
                self._open[gap.number] = replace(gap, lost=gap.lost + more)
                self._grown_us[gap.number] = beat.now_us
                if gap.lost == 0:
                    yield self._open[gap.number]
        for gap in self._of({cause for cause, _ in beat.counted}):
            if beat.now_us - self._grown_us[gap.number] > QUIET_US:
                yield self._put(replace(gap, ended_us=self._grown_us[gap.number]))

    def _refused(self, beat: Beat) -> Iterable[Gap]:
        gap = next(iter(self._of({GapCause.STORE_REFUSED})), None)
        if beat.refused and gap is None:
            yield self._begin(GapCause.STORE_REFUSED, "", (), beat.now_us, beat.refused)
        elif gap and not beat.refused:
            yield self._put(replace(gap, ended_us=beat.now_us))

    def _of(self, causes: Iterable[GapCause]) -> list[Gap]:
        wanted = frozenset(causes)
        return [gap for gap in self._open.values() if gap.cause in wanted]

    def _begin(self, cause: GapCause, source: str, sensors: tuple[str, ...], began_us: int, detail: str = "") -> Gap:
        gap = Gap(self._next_number, cause, source, sensors, began_us, detail=detail)
        self._next_number += 1
        self._grown_us[gap.number] = began_us
        return self._put(gap)

    def _put(self, gap: Gap) -> Gap:
        if gap.ended_us is None:
            self._open[gap.number] = gap
        else:
            self._open.pop(gap.number, None)
            self._grown_us.pop(gap.number, None)
        return gap
