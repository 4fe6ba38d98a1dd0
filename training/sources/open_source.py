"""Tell what a source is from where it is and what lies there."""

from collections.abc import Callable
from pathlib import Path

from edge_runtime.errors import ConfigurationError, RecordingError
from edge_runtime.machine import Machine
from edge_runtime.recording import SIGNALS, Recording
from training.sources.csv_files import CsvSource, csv_files
from training.sources.recording_folder import RecordingFolder
from training.sources.rig_text import PROFILE, RigText
from training.sources.source import CENTRE_SCHEME, ReadOptions, Source, read_source

DEFAULT_OPTIONS = ReadOptions()


def open_source(address: str, options: ReadOptions = DEFAULT_OPTIONS) -> Source:
    """The source at an address; nothing of it is read yet but what tells its layout.

    Args:
        address: a recording's folder; a CSV file or a folder of them; a folder of the rig's text files; or
            `timescaledb:MACHINE?since=…&until=…`.
        options: what the source can't know by itself.

    Raises:
        RecordingError: there is nothing, or nothing of a known layout.
        ConfigurationError: the address of a database is wrong, or the database's client isn't installed.
    """
    if address.startswith(CENTRE_SCHEME):
        return _centre(address, options)
    path = Path(address)
    if path.is_file() and path.name.endswith((".csv", ".csv.gz")):
        return CsvSource(path, options)
    if path.is_file() and path.suffix == ".parquet":
        return open_source(str(path.parent), options)
    if not path.is_dir():
        what = "is no CSV file" if path.exists() else "isn't there"
        raise RecordingError(f"{path}: {what}, and is not a folder", hint=_KNOWN)
    if (path / SIGNALS).exists():
        return RecordingFolder(path, options)
    if (path / PROFILE).exists():
        return RigText(path, options)
    if csv_files(path):
        return CsvSource(path, options)
    raise RecordingError(f"{path}: holds no {SIGNALS}, CSV file or {PROFILE}", hint=_KNOWN)


def read_address(address: str, machine: Machine, report: Callable[[str], None] = lambda _: None) -> Recording:
    """Everything at an address, in memory, as a recording of `machine`; `report` is told what it was taken for.

    Raises:
        RecordingError: there is nothing, or it can't be read.
        ConfigurationError: the address of a database is wrong, or the centre's settings.
        DatabaseError: the database can't be reached.
    """
    source = open_source(address, ReadOptions(machine=machine))
    report(f"reading {source.path}: {source.layout}")
    return read_source(source)


def _centre(address: str, options: ReadOptions) -> Source:
    try:
        from training.sources.timescale import TimescaleSource  # noqa: PLC0415  other sources need no database's client
    except ImportError as error:
        raise ConfigurationError(
            f"{address}: the database's client isn't installed", hint="pip install 'hydrosight[cloud]'"
        ) from error
    return TimescaleSource(address, options)


_KNOWN = (
    f"Name a folder with {SIGNALS}, a CSV file or a folder of them, the folder of the ZeMA rig's text files, or "
    f"{CENTRE_SCHEME}MACHINE. configs/recordings/ has recordings."
)
