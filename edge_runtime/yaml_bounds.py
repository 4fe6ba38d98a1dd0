"""Bounds of a YAML text, seen to before anything is made of it: a short one can be deep, or large, without end."""

import yaml

from edge_runtime.errors import ConfigurationError

LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""In C, eight times as fast, where PyYAML has it. It composes without a bound to its depth: `check_depth` first."""
DEEPEST = 50
LARGEST = 200_000


def check_depth(text: str, where: str) -> None:
    """See that collections are within each other no deeper than `DEEPEST`.

    Raises:
        ConfigurationError: they are.
        yaml.YAMLError: it isn't YAML, up to there.
    """
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ConfigurationError(
                f"{where}:1: is more than {DEEPEST} levels deep",
                hint="Start from a file of configs/.",
            )


def check_size(tree: yaml.Node | None, where: str) -> None:
    """See that no more than `LARGEST` values are in it, with each alias counted as what it stands for.

    Raises:
        ConfigurationError: there are more, or what an alias stands for holds that alias.
    """
    if tree is not None and _size(tree, {}) > LARGEST:
        raise ConfigurationError(
            f"{where}:1: holds more than {LARGEST:,} values, or itself, by its aliases (*)",
            hint="Write out what the aliases stand for.",
        )


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Of a node and all below; an anchor comes before its aliases, so recursion is no deeper than the text."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = LARGEST + 1  # who is met again before his size is known holds himself
    size = 1
    if isinstance(node, yaml.MappingNode):
        size += sum(_size(key, known) + _size(value, known) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_size(item, known) for item in node.value)
    known[id(node)] = size
    return size
