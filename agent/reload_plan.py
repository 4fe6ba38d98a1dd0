"""What a change of settings comes to: which sources go on untouched, and which parts take up what changed; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.configuration import Configuration
from agent.setting_changes import SettingChange, setting_changes

RECORDER = "recorder"
LIMITS = "store limits"
PIPELINE = "windows and alerts"
BASELINE = "baseline"
MODEL = "model"
ALERTS_BROKER = "alerts broker"
CENTRE = "centre"
MODEL_UPDATES = "model updates"
REMOTE = "remote settings"

TAKEN_UP_BY: tuple[tuple[str, str], ...] = (
    ("store.flush_interval_s", RECORDER),
    ("store.max_bytes", LIMITS),
    ("store.min_free_bytes", LIMITS),
    ("store.thinning", LIMITS),
    ("windows", PIPELINE),
    ("alerts", PIPELINE),
    ("baseline", BASELINE),
    ("model.threads", MODEL),
    ("model.probation_windows", MODEL),
    ("model.trust_root", MODEL_UPDATES),
    ("model.check_interval_s", MODEL_UPDATES),
    ("broker", ALERTS_BROKER),
    ("centre", CENTRE),
    ("centre", MODEL_UPDATES),
    ("centre", REMOTE),
    ("model.trust_root", REMOTE),
    ("model.check_interval_s", REMOTE),
    ("remote_settings", REMOTE),
)
"""Which part takes up a setting, or a whole section, while the agent runs. What isn't here needs a restart."""


@dataclass(frozen=True, slots=True)
class ReloadPlan:
    """The steps from one configuration to another.

    Attributes:
        changes: what differs.
        keep: sources that go on untouched.
        stop: sources that are gone.
        replace: sources that are stopped and started anew.
        start: sources that are new.
        refit: parts that take up changed settings.
        needs_restart: keys that can't be changed while the agent runs; unless empty, nothing may be applied.
    """

    changes: tuple[SettingChange, ...]
    keep: tuple[str, ...]
    stop: tuple[str, ...]
    replace: tuple[str, ...]
    start: tuple[str, ...]
    refit: tuple[str, ...]
    needs_restart: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether everything stays as it is."""
        return not (self.stop or self.replace or self.start or self.refit or self.needs_restart)

    def __str__(self) -> str:
        steps = (
            ("stop", self.stop),
            ("restart", self.replace),
            ("start", self.start),
            ("keep", self.keep),
            ("change", self.refit),
        )
        if self.is_empty:
            return "nothing changed"
        return "; ".join(f"{step} {', '.join(names)}" for step, names in steps if names)


def plan_reload(old: Configuration, new: Configuration) -> ReloadPlan:
    """How to go from `old`, which runs, to `new`."""
    before = {source.name: source for source in old.settings.sources.every}
    after = {source.name: source for source in new.settings.sources.every}
    changes = setting_changes(old.settings, new.settings)
    elsewhere = [change.key for change in changes if not _within(change.key, "sources")]
    takers = [part for key in elsewhere for part in _takers(key)]
    return ReloadPlan(
        changes=changes,
        keep=tuple(name for name in after if before.get(name) == after[name]),
        stop=tuple(name for name in before if name not in after),
        replace=tuple(name for name in after if name in before and before[name] != after[name]),
        start=tuple(name for name in after if name not in before),
        refit=tuple(dict.fromkeys(takers)),
        needs_restart=(
            *(key for key in elsewhere if not any(_takers(key))),
            *(("machine file",) if old.machine != new.machine else ()),
            *(("advice file",) if old.advice != new.advice else ()),
        ),
    )


def _takers(key: str) -> Iterator[str]:
    return (part for section, part in TAKEN_UP_BY if _within(key, section))


def _within(key: str, section: str) -> bool:
    return key == section or key.startswith(section + ".")
