"""What `hydrosight-cloud rollout` prints for people."""

import typer
from rich.table import Table

from cloud_sync.cloud.cli.listing import console, make_table
from cloud_sync.cloud.rollout.compare import Comparison
from cloud_sync.cloud.rollout.comparison import Estimate
from cloud_sync.cloud.rollout.plan import Rollout, State
from cloud_sync.cloud.rollout.progress import MachineProgress, Stage
from cloud_sync.cloud.rollout.status import RolloutStatus

_PRESSING = (Stage.FAILED, Stage.SILENT, Stage.WAITING, Stage.OFFERED, Stage.RUNNING)
_MACHINES_SHOWN = 40
_FIGURES = {
    "abstention": "not judged",
    "confidence": "confidence",
    "alerts_per_day": "alerts a machine and day",
    "agreement": "right by labels",
}


def show_rollout(status: RolloutStatus) -> None:
    """Print how far it is, the machines that need somebody first, and what comes next."""
    rollout, terminal = status.rollout, console()
    reason = f" ({rollout.reason})" if rollout.reason else ""
    terminal.print(
        f"Roll-out {rollout.id}: {rollout.model} {rollout.version}"
        + (f" for {rollout.split} %, {rollout.against} for the others" if rollout.against else "")
        + f", {rollout.state.replace('_', ' ')}{reason}, wave {waves_of(rollout)}, "
        f"{len(status.machines)} of {status.fleet} machines reached",
    )
    if status.machines:
        terminal.print(_stages(status))
        pressing = sorted(status.machines, key=lambda one: _PRESSING.index(one.stage))
        terminal.print(_machines(pressing[:_MACHINES_SHOWN]))
        if len(pressing) > _MACHINES_SHOWN:
            terminal.print(f"… and {len(pressing) - _MACHINES_SHOWN} more; --json shows all")
    for line in _next(status):
        terminal.print(line)


def show_comparison(said: Comparison) -> None:
    """Print the versions side by side, and what can be said of each figure."""
    if not said.verdicts:
        typer.echo("There is nothing to compare yet: fewer than two versions have sent diagnoses since it was set up.")
        return
    rows = [
        ("machines", *(str(one.machines) for one in said.versions)),
        ("windows", *(f"{one.windows:,}" for one in said.versions)),
        *((words, *(_estimate(getattr(one, name)) for one in said.versions)) for name, words in _FIGURES.items()),
    ]
    terminal = console()
    terminal.print(make_table(("", *(one.version for one in said.versions)), rows))
    for version, verdicts in said.verdicts.items():
        for name, what in verdicts.items():
            terminal.print(f"{_FIGURES[name]} against {version}: {what}")


def waves_of(rollout: Rollout) -> str:
    """Its waves, the open one in brackets."""
    shares = [f"{share}\N{NO-BREAK SPACE}%" if share else "canaries" for share in rollout.percents]
    if rollout.wave_opened_at is not None:
        shares[rollout.wave] = f"[{shares[rollout.wave]}]"
    return " ".join(shares)


def _stages(status: RolloutStatus) -> Table:
    rows = [(version, *(str(counts[stage]) for stage in Stage)) for version, counts in status.stages.items()]
    return make_table(("version", *Stage), rows)


def _machines(machines: list[MachineProgress]) -> Table:
    rows = [
        (
            *(one.machine, one.version, one.stage, one.running or "–"),
            *(f"{time:%Y-%m-%d %H:%M}" if time else "–" for time in (one.diagnosed_until, one.asked_at)),
            one.reason,
        )
        for one in machines
    ]
    return make_table(("machine", "gets", "stage", "runs", "diagnosed until", "asked (UTC)", "why"), rows)


def _next(status: RolloutStatus) -> list[str]:
    """What stands against going on, and the command that comes next."""
    rollout = status.rollout
    match rollout.state:
        case State.ACTIVE if status.judgement.against_next:
            return [f"The next wave stays closed: {why}" for why in status.judgement.against_next]
        case State.ACTIVE:
            return [f"Nothing stands against going on: hydrosight-cloud rollout advance {rollout.id}"]
        case State.PLANNED | State.PAUSED:
            return [f"To go on: hydrosight-cloud rollout resume {rollout.id}"]
        case State.ROLLED_BACK if any(one.stage is Stage.RUNNING for one in status.machines):
            anew = f"hydrosight-cloud model roll-back {rollout.model} --to OLD --as NEW"
            return [
                f"Machines that run {rollout.version} go on with it until they are offered a higher release: {anew}",
                f"Then: hydrosight-cloud rollout start {rollout.model} NEW --waves 100",
            ]
        case _:
            return []


def _estimate(figure: Estimate) -> str:
    if figure.value is None:
        return "–"
    interval = "" if figure.low is None else f" ({figure.low:.3f} – {figure.high:.3f})"
    return f"{figure.value:.3f}{interval} of {figure.count:,.4g}"
