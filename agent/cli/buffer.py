"""`hydrosight buffer`: what the box holds, what waits for the centre, what was lost."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import typer

from agent.cli.gaps import gaps
from agent.cli.output import (
    DEFAULT,
    ConfigOption,
    JsonOption,
    console,
    print_json,
    print_table,
    reported_errors,
    size_text,
    time_text,
)
from agent.cli.store_access import open_store
from agent.store.outage_budget import Shedding
from agent.store.records import RecordClass
from agent.store.statistics import BufferStatistics
from agent.store.wear import Wear

PLURAL = {
    RecordClass.READING: "readings",
    RecordClass.WINDOW: "windows",
    RecordClass.DIAGNOSIS: "diagnoses",
    RecordClass.GAP: "gaps",
    RecordClass.CLOCK_STEP: "clock steps",
    RecordClass.ALERT: "alerts",
}

FAR_DAYS = 36_500.0
"""A date further off says nothing."""


app = typer.Typer()
app.command("gaps")(gaps)


@app.callback(invoke_without_command=True)
def buffer(context: typer.Context, config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Show what the box's store holds, what waits for the centre, how long that can go on, and the ledger of loss.

    Example: `hydrosight buffer`
    """
    if context.invoked_subcommand:
        return
    with reported_errors():
        with open_store(config) as store:
            statistics = store.statistics()
        if as_json:
            print_json(asdict(statistics))
            return
        rows = [
            ["store", f"{size_text(statistics.file_bytes)}, {size_text(statistics.free_bytes)} free on the disk"],
            ["readings", _readings(statistics)],
            ["from – to", f"{time_text(statistics.oldest_us)} – {time_text(statistics.newest_us)} UTC"],
            ["records", _counts(statistics.records)],
            ["waiting for the centre", _counts(statistics.pending)],
            ["waiting for the broker", f"{statistics.unpublished_alerts:,} alerts"],
            ["grows by", f"{size_text(statistics.readings_bytes_per_day + statistics.records_bytes_per_day)} a day"],
            ["written to the disk", _wear(statistics.wear)],
            ["the oldest readings go", _days(statistics.readings_days, "in ")],
            ["the centre may be away", _days(statistics.outage_days)],
        ]
        if statistics.damaged:
            rows.append(["damaged", f"{statistics.damaged:,} blocks or records can't be read; the rest is sound"])
        print_table("Buffer", [("", "left"), ("", "wrap")], rows, "")
        _print_budget(statistics.budget)
        columns = [
            ("what", "left"),
            ("why", "left"),
            ("how many", "right"),
            ("unsent", "right"),
            ("from", "left"),
            ("to (UTC)", "left"),
        ]
        console.print()
        losses = [
            [
                PLURAL[loss.record_class],
                loss.cause.value,
                f"{loss.records:,}",
                f"{loss.unsent:,}",
                time_text(loss.first_us or None),
                time_text(loss.last_us or None),
            ]
            for loss in statistics.losses
        ]
        print_table("Ledger of loss", columns, losses, "Nothing was lost.")


def _readings(statistics: BufferStatistics) -> str:
    thinned = f"; {statistics.thinned_out:,} more at rest were thinned" if statistics.thinned_out else ""
    return f"{statistics.readings:,}{thinned}"


def _print_budget(budget: Sequence[Shedding]) -> None:
    """What goes, in its order, and when."""
    console.print()
    today = datetime.now(UTC).date()
    rows = [
        [
            PLURAL[shedding.record_class],
            _what_goes(shedding),
            "never" if shedding.days is None else f"{shedding.days:,.1f}",
            "–" if shedding.days is None or shedding.days > FAR_DAYS else str(today + timedelta(days=shedding.days)),
        ]
        for shedding in budget
    ]
    columns = [("what", "left"), ("which", "left"), ("from day", "right"), ("date (UTC)", "left")]
    print_table("Without the centre, at today's rate, these go", columns, rows, "Today's rate isn't known yet.")


def _what_goes(shedding: Shedding) -> str:
    if shedding.record_class is RecordClass.READING:
        return "not diagnosed yet" if shedding.lost else "diagnosed, oldest first"
    return "not sent, lost" if shedding.lost else "sent, oldest first"


def _counts(counts: Mapping[RecordClass, int]) -> str:
    return ", ".join(f"{count:,} {_word(name, count)}" for name, count in counts.items())


def _word(name: RecordClass, count: int) -> str:
    return name.value if count == 1 else PLURAL[name]


def _wear(wear: Wear | None) -> str:
    if wear is None:
        return "not known yet: it takes a minute, and a disk"
    times = "" if wear.amplification is None else f", {wear.amplification:.1f} for each byte stored"
    return f"{size_text(wear.bytes_per_day)} a day{times}; {size_text(wear.total_bytes)} so far"


def _days(days: float | None, before: str = "") -> str:
    return "not known yet: it takes a minute" if days is None else f"{before}{days:,.1f} days at this rate"
