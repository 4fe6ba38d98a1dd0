"""`hydrosight buffer gaps`: when readings weren't taken or kept, and why; and what the clock did."""

import time
from dataclasses import asdict
from typing import Annotated

import typer

from agent.cli.output import (
    DEFAULT,
    ConfigOption,
    JsonOption,
    console,
    print_json,
    print_table,
    reported_errors,
    settings_from,
    time_text,
)
from agent.cli.store_access import open_store
from agent.store.clock_ledger import ClockEntry
from agent.store.gaps import Gap, GapCause
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine
from edge_runtime.moment import HELP, parse_moment


def gaps(
    config: ConfigOption = DEFAULT,
    since: Annotated[str, typer.Option(help=f"Only what lasted until then or longer: {HELP}.")] = "-7d",
    as_json: JsonOption = False,
) -> None:
    """Show every gap in the readings with cause, span and sensors, and every step of the clock.

    Example: `hydrosight buffer gaps --since -1d`
    """
    with reported_errors():
        now_us = time.time_ns() // 1000
        since_us = parse_moment(since, now_us)
        machine = load_machine(settings_from(config).machine)
        with open_store(config) as store:
            found = store.gaps(since_us)
            entries = [entry for entry in store.clock_entries() if entry.step.after_us >= since_us]
        if as_json:
            print_json({"gaps": [asdict(gap) for gap in found], "clock": [asdict(entry) for entry in entries]})
            return
        columns = [
            ("cause", "left"),
            ("from", "left"),
            ("to (UTC)", "left"),
            ("length", "right"),
            ("missing", "right"),
            ("sensors", "wrap"),
            ("detail", "wrap"),
        ]
        rows = [_row(gap, machine, now_us) for gap in found]
        print_table("Gaps, the latest first", columns, rows, f"No gaps since {time_text(since_us)} UTC.")
        console.print()
        columns = [
            ("clock", "left"),
            ("at (UTC)", "left"),
            ("by", "right"),
            ("trusted", "left"),
            ("readings stamped anew", "right"),
        ]
        print_table("The box's clock", columns, [_clock_row(entry) for entry in entries], "No start and no step.")


def _row(gap: Gap, machine: Machine, now_us: int) -> list[str]:
    length_us = max(0, (now_us if gap.ended_us is None else gap.ended_us) - gap.began_us)
    return [
        gap.cause.value,
        time_text(gap.began_us),
        "lasts" if gap.ended_us is None else time_text(gap.ended_us),
        length_text(length_us),
        _missing(gap, machine, length_us),
        ", ".join(gap.sensors) or ("–" if gap.source else "all"),
        gap.detail if gap.detail.startswith(gap.source) else ": ".join(filter(None, (gap.source, gap.detail))),
    ]


def _missing(gap: Gap, machine: Machine, length_us: int) -> str:
    """Readings that there would be, by the sensors' rates; exact where they were counted."""
    if gap.cause is GapCause.STORE_REFUSED:
        return "–"
    if gap.cause is GapCause.LATE_POLLS:
        return f"{gap.lost:,} {'poll' if gap.lost == 1 else 'polls'}"
    if gap.lost or gap.cause is GapCause.OVERFLOW:
        return f"{gap.lost:,}"
    rate_hz = sum(sensor.rate_hz for sensor in machine.sensors if not gap.sensors or sensor.name in gap.sensors)
    return f"~{length_us / 1e6 * rate_hz:,.0f}"


def _clock_row(entry: ClockEntry) -> list[str]:
    step = entry.step
    what = "set" if step.shift_us else "start" if step.state_before is step.state_after else "state"
    trust = step.state_after.value
    return [
        what,
        time_text(step.after_us),
        f"{'-' if step.shift_us < 0 else '+'}{length_text(abs(step.shift_us))}" if step.shift_us else "–",
        trust if step.state_before is step.state_after else f"{step.state_before.value} → {trust}",
        f"{entry.restamped:,}" + (" so far" if entry.restamping else ""),
    ]


def length_text(length_us: int) -> str:
    """A span in units that a person reads."""
    seconds = length_us / 1e6
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:,.1f} s"
