"""Numbers of readings that are stored and in no window yet, by the window that they will be in.

Held in memory beside the store, which can tell it all again from its blocks.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from agent.store.accounts import Fate, NumbersByBoot
from agent.store.numbering import Run
from edge_runtime.number_ranges import NumberRanges, Range


@dataclass(frozen=True, slots=True)
class Closing:
    """What closing a window settles.

    Attributes:
        inside: numbers of the window's own readings.
        outside: numbers that no window will have any more, by what became of them.
    """

    inside: NumbersByBoot
    outside: tuple[tuple[Fate, NumbersByBoot], ...]


class OpenReadings:
    """Collects runs as readings are stored, and gives them up as windows are closed."""

    def __init__(self) -> None:
        self._by_window: dict[int | None, dict[int, list[Range]]] = {}

    def add(self, boot_id: int, first: int, runs: Iterable[Run]) -> None:
        """Readings were stored, numbered from `first` on."""
        for run in runs:
            held = self._by_window.setdefault(run.start_us, {}).setdefault(boot_id, [])
            end = first + run.count
            if held and held[-1][1] == first - 1:
                held[-1] = held[-1][0], end - 1
            else:
                held.append((first, end - 1))
            first = end

    def closing(self, start_us: int, end_us: int) -> Closing:
        """What closing the window start_us <= t < end_us settles: with it every earlier one is closed too."""
        inside = self._of(start for start in self._by_window if start is not None and start_us <= start < end_us)
        late = self._of(start for start in self._by_window if start is not None and start < start_us)
        return Closing(inside, ((Fate.LATE, late), (Fate.UNKNOWN_SENSOR, self._of([None]))))

    def forget(self, numbers: NumbersByBoot) -> None:
        """What became of these numbers is settled."""
        for start_us, boots in list(self._by_window.items()):
            for boot_id in boots.keys() & numbers.keys():
                boots[boot_id] = list(NumberRanges.of(boots[boot_id]) - numbers[boot_id])
                if not boots[boot_id]:
                    del boots[boot_id]
            if not boots:
                del self._by_window[start_us]

    def _of(self, starts: Iterable[int | None]) -> NumbersByBoot:
        together: defaultdict[int, list[Range]] = defaultdict(list)
        for start_us in starts:
            for boot_id, held in self._by_window.get(start_us, {}).items():
                together[boot_id] += held
        return {boot_id: NumberRanges.of(held) for boot_id, held in together.items()}
