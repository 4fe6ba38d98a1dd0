"""What a fleet needs of its centre, from what one box costs: the table of docs/scale.md.

Every figure below was measured; the comment names the command. Measure on your own machine and put yours in.

    python -m benchmarks.fleet_needs
"""

import math
from dataclasses import dataclass

FLEETS = (100, 1_000, 10_000)
MINUTES_A_DAY = 1440
SECONDS_A_MINUTE = 60
BUSY = 0.5
"""How much of a core is planned to be used: the rest is for peaks, restarts and a server that is away."""
POOL_SIZE = 8
BESIDE_THE_POOL = 3
WARM_DAYS = 8
"""Until windows go to the columnstore."""
MONTH_DAYS, YEAR_DAYS = 31, 365


@dataclass(frozen=True)
class BoxCost:
    """What one box costs the centre.

    Attributes:
        title: kind of box.
        samples: of a minute.
        server_ms, database_ms: CPU of a minute's batch.
        wire_bytes, wal_bytes, disk_bytes: of it.
        columnstore_bytes: a sample at rest, once it is in the columnstore.
    """

    title: str
    samples: int
    server_ms: float
    database_ms: float
    wire_bytes: float
    wal_bytes: float
    disk_bytes: float
    columnstore_bytes: float


# python -m benchmarks.bench_steady; columnstore_bytes: docs/adr/0030-storage-at-the-centre.md
NATIVE = BoxCost("native rates", 43_680, 4.8, 6.1, 51_300, 79_900, 78_200, 1.54)
HERTZ = BoxCost("1 Hz", 1_020, 3.0, 1.4, 5_800, 16_800, 13_700, 3.1)

DIAGNOSIS_MS = 4.4
"""CPU of a stored window at native rates, workers, server and PostgreSQL: python -m benchmarks.bench_inference."""


@dataclass(frozen=True)
class Needs:
    """Of one fleet; units are in the titles of the table."""

    requests_a_second: float
    server_cores: int
    replicas: int
    database_cores: int
    connections: int
    network_mbit: float
    wal_mb: float
    warm_gb: float
    month_gb: float
    year_gb: float
    rediagnosed_hours: float


def needs(box: BoxCost, boxes: int) -> Needs:
    """What so many boxes of a kind need, a minute of each a minute."""
    requests = boxes / SECONDS_A_MINUTE
    server_cores = max(1, math.ceil(requests * box.server_ms / 1000 / BUSY))
    replicas = max(2, server_cores)  # one process uses one core; two, so that one may be away
    a_day = boxes * MINUTES_A_DAY
    warm = a_day * WARM_DAYS * box.disk_bytes
    packed_a_day = a_day * box.samples * box.columnstore_bytes
    return Needs(
        requests_a_second=requests,
        server_cores=server_cores,
        replicas=replicas,
        database_cores=max(1, math.ceil(requests * box.database_ms / 1000 / BUSY)),
        connections=replicas * (POOL_SIZE + BESIDE_THE_POOL),
        network_mbit=requests * box.wire_bytes * 8 / 1e6,
        wal_mb=requests * box.wal_bytes / 1e6,
        warm_gb=warm / 1e9,
        month_gb=(warm + packed_a_day * (MONTH_DAYS - WARM_DAYS)) / 1e9,
        year_gb=(warm + packed_a_day * (YEAR_DAYS - WARM_DAYS)) / 1e9,
        rediagnosed_hours=a_day * DIAGNOSIS_MS / 1000 / 3600,
    )


_ROWS = (
    ("batches a second", "requests_a_second", "{:,.1f}"),
    ("servers: cores in all, half used", "server_cores", "{:,d}"),
    ("servers: replicas", "replicas", "{:,d}"),
    ("PostgreSQL: cores, half used", "database_cores", "{:,d}"),
    ("PostgreSQL: connections", "connections", "{:,d}"),
    ("network into the centre, Mbit/s", "network_mbit", "{:,.1f}"),
    ("WAL, MB/s", "wal_mb", "{:,.1f}"),
    ("disk, rows of the last 8 days, GB", "warm_gb", "{:,.0f}"),
    ("disk, 31 days with the columnstore, GB", "month_gb", "{:,.0f}"),
    ("disk, a year with the columnstore, GB", "year_gb", "{:,.0f}"),
    ("to diagnose a day anew, core hours", "rediagnosed_hours", "{:,.1f}"),
)


def table(box: BoxCost) -> str:
    """The table of one kind of box, in Markdown."""
    fleets = [needs(box, boxes) for boxes in FLEETS]
    lines = [
        f"| {box.title} | {' | '.join(f'{boxes:,} boxes' for boxes in FLEETS)} |",
        f"| --- | {' | '.join('---:' for _ in FLEETS)} |",
    ]
    for title, name, form in _ROWS:
        lines.append(f"| {title} | {' | '.join(form.format(getattr(fleet, name)) for fleet in fleets)} |")
    return "\n".join(lines)


def main() -> None:
    """Print both tables."""
    for box in (NATIVE, HERTZ):
        print(table(box), end="\n\n")


if __name__ == "__main__":
    main()
