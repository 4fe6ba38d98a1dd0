"""What the agent shows of itself: alive, ready, and everything that `hydrosight status` prints."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import msgspec

from agent.sources.base import SourceCounters
from agent.status import AgentStatus
from agent.store.statistics import BufferStatistics
from agent.sync_desk import SyncFigures
from cloud_sync.edge.uplink import UplinkState

TASK_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class SyncView:
    """What the uplink is at, None without a centre, and what waits for it, None before it was looked at."""

    uplink: UplinkState | None = None
    figures: SyncFigures | None = None


@dataclass(frozen=True, slots=True)
class HealthView:
    """What the server shows.

    `statistics` gives the store's figures as last measured, None before the first time; `sources` what each source has
    counted, by its name.
    """

    status: AgentStatus
    statistics: Callable[[], BufferStatistics | None]
    sync: Callable[[], SyncView] = SyncView
    sources: Callable[[], Mapping[str, SourceCounters]] = dict

    def alive(self) -> tuple[bool, dict[str, object]]:
        """Every task has made progress of late."""
        silent = self.status.silent_tasks(TASK_LIMIT_S)
        return not silent, {"alive": not silent, "silent_tasks": silent}

    def ready(self) -> tuple[bool, dict[str, object]]:
        """The store and the model work and at least one source delivers."""
        conditions = self.status.snapshot().conditions
        sources = [condition.healthy for part, condition in conditions.items() if part.startswith("source ")]
        needed = [name for name in ("store", "model") if name not in conditions or not conditions[name].healthy]
        ready = not needed and any(sources)
        return ready, {"ready": ready, "failing": needed, "sources_healthy": sum(sources), "sources": len(sources)}

    def document(self) -> dict[str, object]:
        """All that `hydrosight status` shows."""
        snapshot = self.status.snapshot()
        statistics = self.statistics()
        return {
            "readings": snapshot.readings,
            "windows": snapshot.windows,
            "alerts": snapshot.alerts,
            "last_reading_us": snapshot.last_reading_us,
            "conditions": {
                part: {"healthy": c.healthy, "message": c.message, "hint": c.hint}
                for part, c in sorted(snapshot.conditions.items())
            },
            "sources": {name: asdict(counters) for name, counters in self.sources().items()},
            "sensors": {
                sensor.sensor: {
                    "state": sensor.state,
                    "message": sensor.message,
                    "readings": {reason.name.lower(): count for reason, count in sensor.counts.items()},
                }
                for sensor in snapshot.sensors
            },
            "diagnosis": snapshot.last_diagnosis.model_dump(mode="json") if snapshot.last_diagnosis else None,
            "reload": asdict(snapshot.reload) if snapshot.reload else None,
            "sync": msgspec.to_builtins(self.sync(), str_keys=True),
            "buffer": asdict(statistics) if statistics else None,
        }
