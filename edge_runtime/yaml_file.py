"""Read a YAML file into a frozen pydantic model, with errors that name file, line, path and remedy."""

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from edge_runtime.errors import ConfigurationError

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
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigurationError(f"{where}: is not valid YAML: {problem}", hint="Mend the line named.") from error
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{path}:1: holds {'nothing' if content is None else type(content).__name__}, a mapping is needed",
            hint="Start from a file of configs/.",
        )
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = [_describe(path, tree, fault["loc"], fault["msg"], fault.get("input")) for fault in error.errors()]
        raise ConfigurationError(
            "\n".join(faults),
            hint="Mend the lines named; configs/ holds files that are right.",
        ) from error


def _describe(path: Path, tree: yaml.Node | None, location: tuple[int | str, ...], message: str, given: object) -> str:
    message = message.removeprefix("Value error, ")
    shown = f" (given: {given!r})" if isinstance(given, str | int | float | bool) or given is None else ""
    return f"{path}:{_line(tree, location)}: {'.'.join(map(str, location)) or 'file'}: {message}{shown}"


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
        if child is None:
            break
        node = child
    return line
