"""`hydrosight buffer`: what the box holds, what waits for the centre, what was lost."""

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


def buffer(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Show what the box's store holds, what waits for the centre, and the ledger of loss."""
    with reported_errors():
        with open_store(config) as store:
            statistics, losses = store.statistics(), store.losses()
        if as_json:
            print_json({**statistics.as_json(), "losses": [loss.as_json() for loss in losses]})
            return
        days = statistics.outage_days
        rows = [
            ["store", f"{size_text(statistics.file_bytes)}, {size_text(statistics.free_bytes)} free on the disk"],
            ["readings", f"{statistics.readings:,}"],
            ["oldest", f"{time_text(statistics.oldest_reading_us)} UTC"],
            ["newest", f"{time_text(statistics.newest_reading_us)} UTC"],
            ["windows / diagnoses", f"{statistics.windows:,} / {statistics.diagnoses:,}"],
            ["waiting for the centre", f"{statistics.outbox_pending:,} records"],
            ["written per day", size_text(statistics.bytes_per_day) if statistics.bytes_per_day else "not known yet"],
            ["holds an outage of", "not known yet" if days is None else f"{days:.1f} days at this rate"],
        ]
        print_table("Buffer", [("", "left"), ("", "left")], rows, "")
        columns = [("what", "left"), ("why", "left"), ("records", "right"), ("from (UTC)", "left"), ("to", "left")]
        console.print()
        print_table("Ledger of loss", columns, [loss.as_row() for loss in losses], "Nothing was lost.")
