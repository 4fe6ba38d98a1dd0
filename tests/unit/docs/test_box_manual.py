"""docs/box.md says what the code says: every setting with its default."""

import re
import typing
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from agent.settings import AgentSettings

MANUAL = (Path(__file__).parents[3] / "docs" / "box.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([a-z0-9_.\[\]]+)` \| ([^|]*?) \|", MANUAL, re.MULTILINE))


def settings(model: type[BaseModel], prefix: str = "") -> dict[str, object]:
    """Dotted key of every setting → its default; those of the kinds that a section can be, joined by "or"."""
    found: dict[str, object] = {}
    for name, field in model.model_fields.items():
        parts = [field.annotation, *typing.get_args(field.annotation)]
        sections = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
        if sections:
            many = "[]" if typing.get_origin(field.annotation) is tuple else ""
            for section in sections:
                for key, default in settings(section, f"{prefix}{name}{many}.").items():
                    known = found.get(key, default)
                    found[key] = default if known == default else f"{known} or {default}"
        else:
            found[prefix + name] = field.default
    return found


SETTINGS = settings(AgentSettings)


@pytest.mark.parametrize("key", SETTINGS)
def test_every_setting_is_in_the_manual(key):
    assert key in ROWS


@pytest.mark.parametrize(
    ("key", "default"), [(key, value) for key, value in SETTINGS.items() if value not in (None, (), PydanticUndefined)]
)
def test_the_manual_gives_the_right_default(key, default):
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    if isinstance(default, tuple):
        shown = ".".join(default)
    assert ROWS[key] == shown


def test_the_manual_names_no_setting_that_is_not_there():
    assert {key for key in ROWS if "." in key} - set(SETTINGS) == set()
