"""A machine's baseline, and how it stands beside it, as tables that a fitter reads at the machine."""

from collections.abc import Sequence

from agent.cli.output import console, print_table, time_text
from edge_runtime.baseline.document import MIN_WINDOWS, MachineBaseline, RegimeBaseline
from edge_runtime.baseline.operation import OperatingAxes
from edge_runtime.baseline.standing import FAR_OFF, UNUSUAL, MachineStanding, SensorStanding, part_words
from edge_runtime.machine import Machine
from edge_runtime.window import Window

_BAR = 10
"""Blocks to either side; one stands for a spread."""


def show_learned(machine: Machine, baseline: MachineBaseline) -> None:
    """Print what came of learning: the regimes, and the sensors that taught nothing."""
    console.print(f"{_heading(baseline)} It is in use.")
    axes = OperatingAxes.of(machine)
    rows = [
        [axes.words(item.regime), str(item.windows), "" if item.windows >= MIN_WINDOWS else "too few"]
        for item in baseline.regimes
    ]
    print_table("", [("regime", "left"), ("windows", "right"), ("", "left")], rows, "")
    heard = {name for item in baseline.regimes for name in item.sensors}
    if silent := [sensor.name for sensor in machine.sensors if sensor.name not in heard]:
        console.print(f"[yellow]Never whole in a window, so not learned:[/] {', '.join(silent)}")


def show_baseline(machine: Machine, baseline: MachineBaseline) -> None:
    """Print a table for each regime."""
    console.print(_heading(baseline))
    axes = OperatingAxes.of(machine)
    columns = [("sensor", "left"), ("at", "left"), ("healthy", "right"), ("±", "right"), ("", "left")]
    for item in _distinct(baseline):
        few = "" if item.windows >= MIN_WINDOWS else f", fewer than {MIN_WINDOWS}: not used"
        rows = [
            [
                sensor.name,
                f"{sensor.component} {sensor.port}",
                f"{known.centre[0]:.4g}",
                f"{known.spread[0]:.2g}",
                sensor.unit,
                str(known.windows),
            ]
            for sensor in machine.sensors
            if (known := item.sensors.get(sensor.name))
        ]
        console.print(f"\n[bold]{axes.words(item.regime)}[/] ({item.windows} windows{few})", soft_wrap=True)
        print_table("", [*columns, ("windows", "right")], rows, "No sensor was whole in any window.")


def show_versions(kept: Sequence[MachineBaseline], active: int | None) -> None:
    """Print which versions there are."""
    if not kept:
        return
    rows = [
        [
            str(one.version),
            "in use" if one.version == active else "",
            f"{one.created:%Y-%m-%d %H:%M}",
            one.source.value,
            str(one.windows),
        ]
        for one in kept
    ]
    columns = [("version", "right"), ("", "left"), ("learned (UTC)", "left"), ("source", "left"), ("windows", "right")]
    console.print()
    print_table("Kept", columns, rows, "")


def show_standing(
    machine: Machine, baseline: MachineBaseline, windows: Sequence[Window], found: MachineStanding
) -> None:
    """Print a line for each sensor, with a bar to the left when it is too low and to the right when it is too high."""
    first, last = min(item.start_us for item in windows), max(item.end_us for item in windows)
    console.print(
        f"[bold]{machine.name}[/]  {time_text(first)} – {time_text(last)} UTC, {found.windows} windows, "
        f"beside baseline {baseline.version}"
    )
    if found.compared < found.windows:
        console.print(
            f"[yellow]In {found.windows - found.compared} of them it did what it never did when that was learned:[/] "
            "hydrosight baseline learn --add"
        )
    columns = [
        *(("sensor", "left"), ("now", "right"), ("healthy", "right"), ("", "left"), ("spreads", "right")),
        *(("low        high", "left"), ("most at", "left"), ("", "left")),
    ]
    rows = [_standing_row(item, baseline.window_s) for item in found.sensors]
    print_table("", columns, rows, "Nothing could be compared.")


def standing_document(
    baseline: MachineBaseline, windows: Sequence[Window], found: MachineStanding
) -> dict[str, object]:
    """The same for scripts."""
    return {
        "baseline": baseline.version,
        "from": time_text(min(item.start_us for item in windows)),
        "to": time_text(max(item.end_us for item in windows)),
        "windows": found.windows,
        "compared": found.compared,
        "sensors": [
            {
                "sensor": item.sensor,
                "unit": item.unit,
                "windows": item.windows,
                "seen": item.seen,
                "expected": item.expected,
                "deviation": item.deviation,
                "part": None if item.part is None else part_words(item.part, baseline.window_s),
                "part_deviation": item.part_deviation,
                "verdict": item.words,
            }
            for item in found.sensors
        ],
    }


def _distinct(baseline: MachineBaseline) -> list[RegimeBaseline]:
    """Its regimes, but no parent that says the same as its only child."""
    children = [item for item in baseline.regimes if item.regime.oil is not None]
    same = {(item.regime.load, item.windows) for item in children}
    return [
        item for item in baseline.regimes if item.regime.oil is not None or (item.regime.load, item.windows) not in same
    ]


def _heading(baseline: MachineBaseline) -> str:
    return (
        f"[bold]Baseline {baseline.version}[/] of {baseline.machine}, {baseline.source.value}: {baseline.windows} "
        f"windows of {baseline.window_s:g} s, {baseline.first:%Y-%m-%d %H:%M} – {baseline.last:%Y-%m-%d %H:%M} UTC."
    )


def _standing_row(item: SensorStanding, window_s: float) -> list[str]:
    style = "green" if item.furthest < UNUSUAL else "yellow" if item.furthest < FAR_OFF else "bold red"
    part = "" if item.part is None else f"{part_words(item.part, window_s)} {item.part_deviation:+.1f}"
    return [
        item.sensor,
        f"{item.seen:.4g}",
        f"{item.expected:.4g}",
        item.unit,
        f"{item.deviation:+.1f}",
        _bar(item.deviation),
        part,
        f"[{style}]{item.words}[/]",
    ]


def _bar(deviation: float) -> str:
    blocks = "█" * min(_BAR, round(abs(deviation)))
    low, high = (blocks, "") if deviation < 0 else ("", blocks)
    return f"{low:>{_BAR}}│{high:<{_BAR}}"
