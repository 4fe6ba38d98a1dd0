"""Reads the settings file.

Relative paths in it are relative to its own folder.
"""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from agent.settings.agent_settings import AgentSettings
from agent.sources.modbus.device_profile import with_profiles
from edge_runtime.errors import ConfigurationError
from edge_runtime.yaml_file import load_yaml

DEFAULT_CONFIG = Path("/etc/hydrosight/agent.yaml")
Part = TypeVar("Part", bound=BaseModel)


def load_settings(path: Path) -> AgentSettings:
    """Read, validate and make every path absolute.

    Raises:
        ConfigurationError: the file is missing or wrong; says where and what would be right.
    """
    if not path.exists():
        raise ConfigurationError(
            f"{path}: no such file",
            hint="Name the agent's settings with --config or HYDROSIGHT_CONFIG; configs/agent/ holds an example.",
        )
    folder = path.resolve().parent
    settings = _absolute(load_yaml(path, AgentSettings), folder)
    modbus = tuple(with_profiles(source, folder) for source in settings.sources.modbus)
    return settings.model_copy(update={"sources": settings.sources.model_copy(update={"modbus": modbus})})


def _absolute(section: Part, base: Path) -> Part:
    changes: dict[str, object] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Path):
            changes[name] = base / value
        elif isinstance(value, BaseModel):
            changes[name] = _absolute(value, base)
        elif isinstance(value, tuple) and value and all(isinstance(item, BaseModel) for item in value):
            changes[name] = tuple(_absolute(item, base) for item in value)
    return section.model_copy(update=changes)
