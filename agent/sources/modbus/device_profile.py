"""What a type of device has in which registers: written once as a file, used for every device of the type."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.sources.modbus.registers import ClockSettings, RegisterLayout, RegisterSettings
from agent.sources.modbus.settings import ModbusSettings, ReadGroup
from edge_runtime.errors import ConfigurationError
from edge_runtime.machine import Name
from edge_runtime.yaml_file import load_yaml

FOLDER = "devices"


class ProfilePoint(RegisterLayout):
    """One value that devices of the type give."""

    name: Annotated[Name, Field(description="How settings call it.")]
    description: str = ""


class DeviceProfile(BaseModel):
    """A type of device."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: Annotated[str, Field(min_length=1, description="What it is, and where its registers are documented.")]
    clock: ClockSettings | None = None
    points: Annotated[tuple[ProfilePoint, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [point.name for point in self.points]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"point used twice: {', '.join(repeated)}")
        return self

    def group(self, settings: ReadGroup) -> ReadGroup:
        """A group that names this profile, with the registers of its points.

        Raises:
            ConfigurationError: the profile hasn't one of them.
        """
        points = {point.name: point for point in self.points}
        unknown = [name for name in settings.points if name not in points]
        if unknown:
            raise ConfigurationError(
                f"profile {settings.profile}: has no point {', '.join(unknown)}",
                hint=f"Its points are {', '.join(points)}.",
            )
        registers = tuple(
            RegisterSettings(
                sensor=sensor, **points[name].model_dump(exclude={"name", "description"}, exclude_unset=True)
            )
            for name, sensor in settings.points.items()
        )
        filled: dict[str, object] = {"clock": self.clock, "registers": registers, "profile": None, "points": {}}
        return settings.model_copy(update=filled)


def load_profile(path: Path) -> DeviceProfile:
    """Read a profile.

    Raises:
        ConfigurationError: the file is missing or wrong.
    """
    return load_yaml(path, DeviceProfile)


def with_profiles(settings: ModbusSettings, folder: Path) -> ModbusSettings:
    """The settings with the registers of the profiles that its groups name.

    A profile is named by its path, relative to `folder`, or by the name of a file in `devices/` there or beside it.

    Raises:
        ConfigurationError: a profile is missing or wrong, lacks a point, or can't be read as the group says.
    """
    if all(group.profile is None for group in settings.groups):
        return settings
    groups = tuple(
        group if group.profile is None else load_profile(_find(group.profile, folder)).group(group)
        for group in settings.groups
    )
    try:
        return ModbusSettings.model_validate({**dict(settings), "groups": groups})
    except ValueError as error:
        raise ConfigurationError(
            f"source {settings.name}: with its profiles: {error}", hint="Mend the group, or the profile that it names."
        ) from error


def _find(profile: str, folder: Path) -> Path:
    if profile.endswith((".yaml", ".yml")):
        return folder / profile
    places = [base / FOLDER / f"{profile}.yaml" for base in (folder, folder.parent)]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise ConfigurationError(
            f"profile {profile}: there is none at {' or '.join(map(str, places))}",
            hint="Copy it there from configs/devices, or write the path of its file, ending in .yaml.",
        )
    return found
