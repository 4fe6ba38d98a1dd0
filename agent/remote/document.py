"""A settings document from the centre, laid over the box's own settings: an allow-list, and never a file."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from agent.settings import AgentSettings
from edge_runtime.errors import ConfigurationError
from edge_runtime.yaml_file import YamlText

MAY_CHANGE = (
    "sources",
    "windows",
    "alerts",
    "store",
    "centre.max_rate",
    "centre.daily_bytes",
    "centre.metered",
    "centre.backlog_hours",
    "centre.catch_up_share",
)
"""Sections, or settings of a section, that a document may hold. docs/adr/0042-remote-settings.md says why these."""


class RemoteDocument(BaseModel):
    """A document whose signatures were verified.

    Attributes:
        addressee: the machine or group that it is for.
        version: counter that only rises.
        text: YAML.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    addressee: str
    version: int
    text: str

    def __str__(self) -> str:
        return f"remote settings version {self.version} for {self.addressee}"

    @property
    def sections(self) -> tuple[str, ...]:
        """What it sets, as far as it can be read."""
        return tuple(YamlText.parse(self.text, str(self)).content)

    def over(self, local: AgentSettings) -> AgentSettings:
        """The settings with its sections in place of the box's own; see `laid_over`."""
        return laid_over(YamlText.parse(self.text, str(self)), local)


def laid_over(text: YamlText, local: AgentSettings) -> AgentSettings:
    """The settings with the sections of a document in place of the box's own.

    A source of the same name keeps the files that the box's own names, such as that of a password, and then everything
    else but its lists too: a credential is never sent to where the document says.

    Raises:
        ConfigurationError: it is wrong, changes what it may not, or names a file; says in which line.
    """
    whole: dict[str, Any] = _fields(local)
    for section, given in text.content.items():
        _check_allowed(text, str(section), given)
        if section == "sources":
            whole[section] = _with_own_files(text, given, local)
        elif section in MAY_CHANGE or whole.get(section) is None:
            whole[section] = given
        else:
            whole[section] = _fields(whole[section]) | given
    settings = text.validated(AgentSettings, whole)
    own = dict(_files("", local))
    for key, file in _files("", settings):
        if own.get(key) != file:
            raise ConfigurationError(
                f"{text.where}: {key}: names a file, {file}",
                hint="Files are the box's own: name them in its agent.yaml, for a source of the same name.",
            )
    return settings


def _check_allowed(text: YamlText, section: str, given: object) -> None:
    if section in MAY_CHANGE:
        return
    keys = [f"{section}.{name}" for name in given] if isinstance(given, dict) else [section]
    for key in keys:
        if key not in MAY_CHANGE:
            raise ConfigurationError(
                f"{text.where}:{text.line(*key.split('.'))}: {key}: can't be changed from the centre",
                hint=f"A document may hold {', '.join(MAY_CHANGE)}; the rest is in the box's own agent.yaml.",
            )


def _with_own_files(text: YamlText, given: object, local: AgentSettings) -> object:
    """The document's sources, those completed that have files on this box."""
    if not isinstance(given, dict):
        return given
    completed = dict(given)
    for kind, items in given.items():
        own = {source.name: source for source in getattr(local.sources, str(kind), ())}
        if isinstance(items, list):
            completed[kind] = [
                _completed(text, (str(kind), index), item, own[item["name"]])
                if isinstance(item, dict) and item.get("name") in own and any(_files("", own[item["name"]]))
                else item
                for index, item in enumerate(items)
            ]
    return completed


def _completed(text: YamlText, place: tuple[str, int], item: Mapping[str, Any], own: BaseModel) -> dict[str, Any]:
    fixed = {name: value for name, value in _fields(own).items() if not isinstance(value, tuple)}
    for name, value in item.items():
        if name in fixed and value != fixed[name]:
            raise ConfigurationError(
                f"{text.where}:{text.line('sources', *place, name)}: source {item['name']}: {name}: can't be changed "
                "from the centre, because the source has files on the box, such as that of a password",
                hint="Leave it out: only lists of such a source, what is read, may be changed.",
            )
    return {**item, **fixed}


def _fields(section: BaseModel) -> dict[str, Any]:
    return {name: getattr(section, name) for name in type(section).model_fields}


def _files(key: str, value: object) -> Iterator[tuple[str, Path]]:
    """Every path in the settings, by its key; items of lists by their names."""
    if isinstance(value, Path):
        yield key, value
    elif isinstance(value, BaseModel):
        for name, item in _fields(value).items():
            yield from _files(f"{key}.{name}" if key else name, item)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _files(f"{key}.{getattr(item, 'name', index)}", item)
