"""Read a YAML file into a frozen pydantic model, with errors that name file, line, path and remedy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from edge_runtime.errors import ConfigurationError
from edge_runtime.yaml_bounds import LOADER, check_depth, check_size

Model = TypeVar("Model", bound=BaseModel)


def load_yaml(path: Path, model: type[Model]) -> Model:
    """Parse `path` and validate it as `model`.

    Raises:
        ConfigurationError: the file is missing, isn't YAML or doesn't fit; every fault is listed with its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{path}: can't be read: {error.strerror}", hint="Check the path and that this user may read the file."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: is not UTF-8 text", hint="Save the file as UTF-8.") from error
    return YamlText.parse(text, str(path)).validated(model)


@dataclass(frozen=True, slots=True)
class YamlText:
    """A parsed text that knows the lines of what it says.

    Attributes:
        where: what messages call it, such as its path.
        content: the mapping that it holds.
        tree: the same with line numbers.
    """

    where: str
    content: Mapping[str, Any]
    tree: yaml.Node

    @classmethod
    def parse(cls, text: str, where: str) -> Self:
        """Parse a mapping.

        Raises:
            ConfigurationError: it isn't YAML, not a mapping, too deep or too large, or a key is in it twice.
        """
        try:
            check_depth(text, where)
            tree = yaml.compose(text, Loader=LOADER)
            check_size(tree, where)
            content = yaml.load(text, Loader=LOADER)  # noqa: S506  it is a SafeLoader
        except yaml.YAMLError as said:
            error = _in_better_words(said, text)
            mark = getattr(error, "problem_mark", None)
            place = f"{where}:{mark.line + 1}" if mark else where
            problem = getattr(error, "problem", None) or str(error)
            raise ConfigurationError(f"{place}: is not valid YAML: {problem}", hint="Mend the line named.") from said
        if tree is None or not isinstance(content, dict):
            raise ConfigurationError(
                f"{where}:1: holds {'nothing' if content is None else type(content).__name__}, a mapping is needed",
                hint="Start from a file of configs/.",
            )
        repeated = [f"{where}:{line}: {key}: is there twice, write it once" for key, line in _repeated_keys(tree)]
        if repeated:
            raise ConfigurationError("\n".join(repeated), hint="Mend the lines named.")
        return cls(where, content, tree)

    def validated(self, model: type[Model], content: Mapping[str, Any] | None = None) -> Model:
        """The text as `model`; or `content`, a larger mapping that it became part of.

        Raises:
            ConfigurationError: it doesn't fit; every fault is listed with its line.
        """
        try:
            return model.model_validate(self.content if content is None else content)
        except ValidationError as error:
            raise ConfigurationError(
                "\n".join(
                    _describe(self.where, self.tree, model, fault) for fault in error.errors() if not _follows(fault)
                ),
                hint="Mend the lines named; configs/ holds files that are right.",
            ) from error

    def line(self, *location: int | str) -> int:
        """1-based line of a place in it, or of the nearest above that it has."""
        return _line(self.tree, location)


def _in_better_words(error: yaml.YAMLError, text: str) -> yaml.YAMLError:
    """What the parser in Python says of the same text: it names what it found, and lines that there are."""
    try:
        for _ in yaml.parse(text, Loader=yaml.SafeLoader):
            pass
    except yaml.YAMLError as better:
        return better
    return error


def _follows(fault: ErrorDetails) -> bool:
    """True of the complaint that a list is too short which only follows from faults of its items."""
    given = fault["input"]
    return fault["type"] == "too_short" and isinstance(given, list) and len(given) >= fault["ctx"]["min_length"]


def _describe(where: str, tree: yaml.Node | None, model: type[BaseModel], fault: ErrorDetails) -> str:
    # A validator of the whole says with `location` which part of it is wrong.
    part: tuple[int | str, ...] = getattr(fault.get("ctx", {}).get("error"), "location", ())
    location = (*fault["loc"], *part)
    given = fault["input"]
    if fault["type"] == "extra_forbidden":
        message = _unknown_key(model, location)
    elif fault["type"] == "missing":
        message = "is missing"
    else:
        message = fault["msg"].removeprefix("Value error, ")
        if not part and isinstance(given, str | int | float | None):
            message += f" (given: {given!r})"
    return f"{where}:{_line(tree, location)}: {'.'.join(map(str, location)) or 'file'}: {message}"


def _unknown_key(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """What to write instead of the key at the end of `location`."""
    owners = [model]
    for step in location[:-1]:
        if isinstance(step, str) and owners and step in owners[0].model_fields:
            owners = list(_models(owners[0].model_fields[step].annotation))
        elif len(owners) > 1:
            owners = [owner for owner in owners if _has_tag(owner, step)] or owners
    names = list(owners[0].model_fields) if owners else []
    close = get_close_matches(str(location[-1]), names, n=1)
    return f"there is no such key, {'did you mean ' + close[0] if close else 'there are ' + ', '.join(names)}"


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models inside an annotation such as tuple[Sensor, ...] or Nameplate | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _has_tag(model: type[BaseModel], tag: int | str) -> bool:
    """Whether this is the model of a union that a tag such as `type: tcp` chooses. Tags are steps of locations."""
    return any(
        get_origin(field.annotation) is Literal and tag in get_args(field.annotation)
        for field in model.model_fields.values()
    )


def _repeated_keys(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    """Keys that a mapping holds twice, of which YAML would keep the last without a word, and their lines."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                yield key.value, key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
            yield from _repeated_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item)


def _line(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """1-based line of the node at `location`, or of its nearest ancestor that the file has."""
    line = 1
    for step in location:
        child: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    child, line = value, key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            child = node.value[step]
            line = child.start_mark.line + 1
        if child is not None:
            node = child
    return line
