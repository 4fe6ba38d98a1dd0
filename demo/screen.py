"""What the demo shows: plain lines that read well in a terminal and in a log."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo.reconciliation import Count
from edge_runtime.alert import Alert, AlertState
from edge_runtime.diagnosis import ComponentDiagnosis, Diagnosis
from edge_runtime.errors import HydrosightError
from edge_runtime.machine import Condition, Machine
from edge_runtime.recording import LabelValue

_COLUMN = 13
_NARROWEST = 110


class Screen:
    """Prints the story of the demo, one line at a time."""

    def __init__(self, machine: Machine, steps: int, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        if not self._console.is_terminal:
            self._console.width = max(self._console.width, _NARROWEST)
        self._conditions = machine.conditions
        self._steps = steps
        self._step = 0

    def step(self, text: str) -> None:
        """A new chapter."""
        self._step += 1
        self._console.print(Text(f"\n[{self._step}/{self._steps}] {text}", style="bold"))

    def note(self, text: str) -> None:
        """Something worth knowing about the chapter."""
        self._console.print(Text(f"      {text}", style="dim"))

    def news(self, text: str) -> None:
        """Something that just happened."""
        self._console.print(Text(f"  >>  {text}", style="bold cyan"))

    def heading(self) -> None:
        """Above the diagnoses."""
        names = "".join(condition.name.ljust(_COLUMN) for condition in self._conditions)
        self._console.print(
            Text(f"\n  until           {names}health  model   inference  diagnoses in the database", style="bold")
        )

    def diagnosis(self, diagnosis: Diagnosis, labels: Mapping[str, LabelValue], stored: int) -> None:
        """One window: each component's diagnosed level, and the labelled one where that differs."""
        line = Text(f"  {_time(diagnosis.window_end)}  ")
        for condition in self._conditions:
            line.append_text(_level(condition, diagnosis.component(condition.component), labels.get(condition.name)))
        health = "–" if diagnosis.overall_health is None else f"{diagnosis.overall_health:.2f}"
        line.append(f"{health:<8}{diagnosis.model.version:<8}{diagnosis.inference_ms:>6.1f} ms {stored:>14}")
        self._console.print(line)

    def alert(self, alert: Alert) -> None:
        """An alert as it came over MQTT."""
        if alert.state is AlertState.RAISED or alert.cleared_at is None:
            text = f"{_time(alert.raised_at)}  ALERT {alert.severity.replace('_', ' ')}: {alert.message}"
        else:
            text = f"{_time(alert.cleared_at)}  ALERT over: {alert.component} {alert.kind.replace('_', ' ')}"
        self._console.print(Text(f"  {text}", style="yellow"))

    def summary(self, counts: Sequence[Count]) -> None:
        """What was sent and what arrived."""
        table = Table(title="\nFrom the rig into the database", title_justify="left", title_style="bold")
        table.add_column("")
        for column in ("sent", "in the database", "missing", "twice", "altered"):
            table.add_column(column, justify="right")
        for count in counts:
            table.add_row(count.what, *(f"{n:,}" for n in count.numbers))
        self._console.print(table)

    def scores(self, right: Mapping[str, int], windows: int) -> None:
        """How often each condition's level was named as labelled."""
        shares = ", ".join(f"{name} {count}/{windows}" for name, count in right.items())
        self._console.print(Text(f"Levels named as labelled: {shares}."))
        self._console.print(
            Text(
                "The model has learnt from these cycles, too. How well it does on others is in its card,\n"
                "configs/models/zema-rig/MODEL_CARD.md.",
                style="dim",
            )
        )

    def failure(self, error: HydrosightError) -> None:
        """What went wrong and what to do."""
        self._console.print(Text(f"\nThe demo failed: {error}", style="bold red"))
        if error.hint:
            self._console.print(Text(error.hint))

    def farewell(self, text: str) -> None:
        """The last line."""
        self._console.print(Text(f"\n{text}", style="bold green"))


def _time(time: datetime) -> str:
    return f"{time:%m-%d %H:%M:%S}"


def _level(condition: Condition, diagnosis: ComponentDiagnosis, label: LabelValue | None) -> Text:
    if diagnosis.abstained or diagnosis.level is None:
        return Text("unsure".ljust(_COLUMN), style="dim")
    if label is None:
        return Text(diagnosis.level.ljust(_COLUMN))
    if str(label) == diagnosis.level:
        healthy = condition.level_of(label) == 0
        return Text(f"{diagnosis.level} ✓".ljust(_COLUMN), style="green" if healthy else "")
    return Text(f"{diagnosis.level} (is {label})".ljust(_COLUMN), style="red")
