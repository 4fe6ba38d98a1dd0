"""`hydrosight baseline`: what this machine looks like when it is healthy, and how far it is from that today."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from agent.cli.baseline_view import show_baseline, show_learned, show_standing, show_versions, standing_document
from agent.cli.output import (
    DEFAULT,
    ConfigOption,
    JsonOption,
    console,
    error_console,
    print_json,
    reported_errors,
    settings_from,
    time_text,
)
from agent.cli.progress import progress_through
from agent.cli.store_access import open_store
from agent.commissioning import JudgedWindow, Unfit, is_of, learn
from agent.store.reader import StoreReader, box_clock_us
from edge_runtime.baseline.document import MIN_WINDOWS, MachineBaseline
from edge_runtime.baseline.fit import merge_baselines
from edge_runtime.baseline.profile import profile
from edge_runtime.baseline.shelf import BaselineShelf
from edge_runtime.baseline.standing import standing
from edge_runtime.errors import BaselineError, ConfigurationError
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine
from edge_runtime.moment import HELP, parse_moment
from edge_runtime.sensor_check import check_sensors
from edge_runtime.utc import microseconds, utc_datetime

app = typer.Typer(no_args_is_help=True, help="What this machine looks like when it is healthy.")

_LEARN_FIRST = "Learn one from a time in which the machine was in order: hydrosight baseline learn --since … --until …"

From = Annotated[
    str | None, typer.Option("--since", "--from", help=f"First moment: {HELP}. Default: the oldest window.")
]
To = Annotated[
    str | None,
    typer.Option("--until", "--to", help="First moment after, written likewise. Default: to the newest window."),
]


@app.command("learn")
def learn_baseline(
    config: ConfigOption = DEFAULT,
    since: From = None,
    until: To = None,
    add: Annotated[bool, typer.Option("--add", help="Learn these windows in addition to what is known.")] = False,
    leave_out_unfit: Annotated[
        bool, typer.Option("--leave-out-unfit", help="Learn from the other windows if some don't look healthy.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Learn from all of them, whatever they look like.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Learn from stored windows of a time in which the machine was in order, as at its commissioning.

    Let it do meanwhile all that it does: each load, and oil cold and warm. Refused when the model calls a window faulty
    or a sensor can't be believed; says why. The running agent takes the new baseline up with its next window.

    Example: `hydrosight baseline learn --since 2026-01-31T08:00:00Z --until 2026-01-31T16:00:00Z`
    """
    with reported_errors():
        if leave_out_unfit and force:
            raise ConfigurationError(
                "--leave-out-unfit and --force contradict each other", hint="Give one of them, or none."
            )
        machine, shelf = _machine(config), _shelf(config)
        known = shelf.active() if add else None
        if add and known is None:
            raise BaselineError("there is no baseline to add to", hint="Learn it without --add first.")
        with open_store(config) as store:
            start_us, end_us = _period(store, machine, since, until, known)
            learned = learn(
                machine,
                _shown(store.judged_windows(machine.name, start_us, end_us), start_us, end_us),
                created=utc_datetime(box_clock_us()),
                unfit=Unfit.TAKE if force else Unfit.LEAVE_OUT if leave_out_unfit else Unfit.REFUSE,
            )
        baseline = merge_baselines(machine, known, learned) if known else learned
        if not baseline.usable:
            raise BaselineError(
                f"{learned.windows} windows are too few: there are {MIN_WINDOWS} of no regime, nothing to compare with",
                hint="Let the machine work longer, or name a longer period with --since and --until.",
            )
        kept = shelf.add(baseline)
        if as_json:
            print_json(_summary(kept))
        else:
            show_learned(machine, kept)


@app.command("show")
def show(
    config: ConfigOption = DEFAULT,
    version: Annotated[int | None, typer.Option(help="One that is kept; default: the one in use.", min=1)] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what was learned: each sensor in each regime, and which versions are kept.

    Example: `hydrosight baseline show --version 2`
    """
    with reported_errors():
        machine, shelf = _machine(config), _shelf(config)
        baseline = shelf.active() if version is None else shelf.read(version)
        kept = list(_readable(shelf))
        if as_json:
            shown = baseline.model_dump(mode="json") if baseline else None
            print_json({"active": shelf.state.active, "kept": [_summary(one) for one in kept], "baseline": shown})
            return
        if baseline:
            baseline.check_fits(machine, baseline.window_s)
            show_baseline(machine, baseline)
        else:
            console.print(f"[dim]No baseline is in use. {_LEARN_FIRST}[/]", soft_wrap=True)
        show_versions(kept, shelf.state.active)


@app.command("compare")
def compare_with_baseline(
    config: ConfigOption = DEFAULT,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many of the newest windows.")] = 30,
    as_json: JsonOption = False,
) -> None:
    """Put the newest windows beside the baseline, the sensor that is furthest off first.

    Example: `hydrosight baseline compare --last 100`
    """
    with reported_errors():
        machine, baseline = _machine(config), _shelf(config).active()
        if baseline is None:
            raise BaselineError("there is no baseline to compare with", hint=_LEARN_FIRST)
        baseline.check_fits(machine, baseline.window_s)
        with open_store(config) as store:
            stored = store.windows(last)
        windows = [one for one in stored if is_of(machine, one) and one.length_us == round(baseline.window_s * 1e6)]
        if not windows:
            raise BaselineError(
                f"no window of {baseline.window_s:g} s with the sensors of the machine file is stored yet",
                hint="See `hydrosight status`.",
            )
        found = standing(machine, baseline, (profile(check_sensors(machine, window)[0]) for window in windows))
        if as_json:
            print_json(standing_document(baseline, windows, found))
        else:
            show_standing(machine, baseline, windows, found)


@app.command("forget")
def forget(config: ConfigOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Use no baseline from now on. It is kept: `hydrosight baseline restore` brings it back.

    Example: `hydrosight baseline forget`
    """
    with reported_errors():
        version = _shelf(config).forget()
        if version is None:
            raise BaselineError("no baseline is in use", hint=_LEARN_FIRST)
        if as_json:
            print_json({"forgotten": version})
            return
        console.print(f"Baseline {version} is out of use, and kept: hydrosight baseline restore {version}")


@app.command("restore")
def restore(
    version: Annotated[
        int | None, typer.Argument(help="Default: the one before that in use, or the latest after `forget`.", min=1)
    ] = None,
    config: ConfigOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Use a baseline again that is kept.

    Example: `hydrosight baseline restore 2`
    """
    with reported_errors():
        shelf, machine = _shelf(config), _machine(config)
        chosen = shelf.former() if version is None else version
        baseline = shelf.read(chosen)
        baseline.check_fits(machine, baseline.window_s)
        restored = shelf.restore(chosen)
        if as_json:
            print_json(_summary(restored))
            return
        console.print(f"Baseline {restored.version} of {restored.created:%Y-%m-%d %H:%M} UTC is in use.")


def _machine(config: Path) -> Machine:
    return load_machine(settings_from(config).machine)


def _shelf(config: Path) -> BaselineShelf:
    return BaselineShelf(settings_from(config).baseline_directory)


def _readable(shelf: BaselineShelf) -> Iterator[MachineBaseline]:
    """Those that are kept. Of damaged ones it says so: the others are of use all the same."""
    for version in shelf.versions:
        try:
            yield shelf.read(version)
        except BaselineError as error:
            error_console.print(f"[yellow]{escape(str(error))}[/]", soft_wrap=True)


def _period(
    store: StoreReader, machine: Machine, since: str | None, until: str | None, known: MachineBaseline | None
) -> tuple[int, int]:
    """First moment, and first after; what isn't given is where the windows in the store begin or end.

    What is learned in addition to `known` begins after it, so that no window counts twice.
    """
    held, now_us = store.window_span(machine.name), box_clock_us()
    if held is None:
        raise BaselineError("no window is stored yet", hint="Let the agent run: hydrosight status.")
    first_us = microseconds(known.last) if known else held[0]
    start_us = parse_moment(since, now_us) if since else first_us
    end_us = parse_moment(until, now_us) if until else held[1] + 1
    if known and not since and not until and start_us >= end_us:
        raise BaselineError(
            f"no window is newer than those that baseline {known.version} was learned from",
            hint="Let the agent run: hydrosight status. Or name an older period with --since and --until.",
        )
    if start_us >= end_us:
        raise ConfigurationError(
            f"{time_text(start_us)} isn't before {time_text(end_us)}", hint=f"Write --since and --until as {HELP}."
        )
    if known and start_us < first_us and end_us > microseconds(known.first):
        raise ConfigurationError(
            f"windows from {known.first:%Y-%m-%d %H:%M} to {known.last:%Y-%m-%d %H:%M} UTC are known already",
            hint="Name a period outside of that, or learn all anew without --add.",
        )
    return start_us, end_us


def _shown(windows: Iterator[JudgedWindow], start_us: int, end_us: int) -> Iterator[JudgedWindow]:
    """The windows, with a bar on standard error that says how far they are, if that is a terminal."""
    with progress_through("learning", start_us, end_us) as reached:
        for window, diagnosis in windows:
            yield window, diagnosis
            reached(window.end_us)


def _summary(baseline: MachineBaseline) -> dict[str, object]:
    return baseline.model_dump(mode="json", include={"version", "created", "source", "first", "last", "windows"})
