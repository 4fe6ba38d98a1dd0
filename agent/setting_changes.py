"""What differs between two settings, key by key; pure, and knows no section by name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One difference.

    Attributes:
        key: dotted, with the items of a list by their names: `sources.modbus.plc.timeout_s`.
        before: the value; None when there was none.
        after: the value; None when there is none any more.
    """

    key: str
    before: object
    after: object

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.key}: added{_shown(self.after)}"
        if self.after is None:
            return f"{self.key}: removed{_shown(self.before)}"
        return f"{self.key}: changed{_shown(self.before)}{_shown(self.after, ' to ')}"


def setting_changes(old: BaseModel, new: BaseModel) -> tuple[SettingChange, ...]:
    """Every difference between two models of one type, in the order of their fields.

    The order of a list whose items have names counts for nothing.
    """
    return tuple(_changes("", old, new))


def _changes(key: str, old: object, new: object) -> Iterator[SettingChange]:
    if old == new:
        return
    if isinstance(old, BaseModel) and type(old) is type(new):
        for name in type(old).model_fields:
            yield from _changes(f"{key}.{name}" if key else name, getattr(old, name), getattr(new, name))
        return
    olds, news = _by_name(old), _by_name(new)
    if olds is None or news is None:
        yield SettingChange(key, old, new)
        return
    for name in [*olds, *(name for name in news if name not in olds)]:
        yield from _changes(f"{key}.{name}", olds.get(name), news.get(name))


def _by_name(value: object) -> dict[str, BaseModel] | None:
    """The items of a list of named sections; None when it is something else."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    named = {item.name: item for item in value if isinstance(item, BaseModel) and hasattr(item, "name")}
    return named if len(named) == len(value) else None


def _shown(value: object, before: str = " ") -> str:
    """A plain value; what has parts of its own is too long for a line."""
    if isinstance(value, bool):
        return before + str(value).lower()
    return before + str(value) if isinstance(value, str | int | float | Path) else ""
