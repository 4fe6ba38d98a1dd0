"""Read a machine file."""

from pathlib import Path

from edge_runtime.machine import Machine
from edge_runtime.yaml_file import load_yaml


def load_machine(path: Path) -> Machine:
    """The machine that the YAML file at `path` describes.

    Raises:
        ConfigurationError: the file is missing, isn't YAML or doesn't describe a machine; names line and remedy.
    """
    return load_yaml(path, Machine)
