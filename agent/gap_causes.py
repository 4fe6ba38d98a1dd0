"""Why sensors have no readings in a window: the gaps that the ledger has of that time. Pure."""

from collections.abc import Collection, Iterable

from agent.store.gaps import Gap
from edge_runtime.sensor_check import SensorFault, SensorFaultKind

_FOR_WANT_OF_READINGS = frozenset({SensorFaultKind.SILENT, SensorFaultKind.INCOMPLETE})


def lack_readings(faults: Iterable[SensorFault]) -> bool:
    """Whether a gap may be the reason for any of these."""
    return any(fault.kind in _FOR_WANT_OF_READINGS for fault in faults)


def explained(
    faults: Iterable[SensorFault], gaps: Collection[Gap], start_us: int, end_us: int
) -> tuple[SensorFault, ...]:
    """The faults of the window from `start_us` to `end_us`, with the gap that took most of its readings."""
    return tuple(_explained(fault, gaps, start_us, end_us) for fault in faults)


def _explained(fault: SensorFault, gaps: Collection[Gap], start_us: int, end_us: int) -> SensorFault:
    def share_us(gap: Gap) -> int:
        return (end_us if gap.ended_us is None else min(gap.ended_us, end_us)) - max(gap.began_us, start_us)

    known = [gap for gap in gaps if _concerns(gap, fault.sensor) and share_us(gap) > 0]
    if fault.kind not in _FOR_WANT_OF_READINGS or not known:
        return fault
    gap = max(known, key=share_us)
    source = f" ({gap.source})" if gap.source else ""
    return fault.model_copy(update={"gap": gap.cause.value, "message": f"{fault.message}: {gap.cause.value}{source}"})


def _concerns(gap: Gap, sensor: str) -> bool:
    """Whether it took readings of this sensor. One of a source that names no sensors says nothing of any."""
    return sensor in gap.sensors or not (gap.sensors or gap.source)
