"""A model bundle as one file: an uncompressed tar, the same bytes for the same bundle.

Uncompressed, so that there is nothing to bomb the box with, and an interrupted download resumes at any byte.
"""

import io
import os
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from edge_runtime.bundle import MAX_BUNDLE_BYTES
from edge_runtime.errors import BundleError, UpdateError

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
MAX_FILES = 64
MAX_ARCHIVE_BYTES = MAX_BUNDLE_BYTES + 2**20  # with the headers and padding of every file
_COPY_BYTES = 2**20
_HINT = "Don't install it. Publish the bundle again with `hydrosight-cloud model publish`."


def pack_bundle(folder: Path, names: Iterable[str]) -> bytes:
    """The files `names` of `folder` as an archive. Times, owners and modes are fixed, the order is by name.

    Raises:
        BundleError: more files, or a file name, than `unpack_bundle` takes.
        OSError: a file can't be read.
    """
    names = sorted(names)
    if len(names) > MAX_FILES:
        raise BundleError(f"{folder}: {len(names)} files, at most {MAX_FILES} fit", hint="Leave out what isn't needed.")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in names:
            if not FILE_NAME.fullmatch(name):
                raise BundleError(
                    f"{folder}: a file named {name!r} can't be published",
                    hint="Files of a bundle lie flat; their names are letters, digits and _.- alone.",
                )
            content = (folder / name).read_bytes()
            member = tarfile.TarInfo(name)  # its defaults: time 0, owner 0, mode 0644
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def unpack_bundle(archive: IO[bytes], folder: Path, *, max_bytes: int = MAX_BUNDLE_BYTES) -> None:
    """Write the files of `archive` into the existing, empty `folder`, each synced to disk.

    Only plain files with plain names are taken: no folders, links, devices, sparse files or repeated names.

    Raises:
        UpdateError: the archive holds anything else, or more than MAX_FILES files or `max_bytes` bytes.
        OSError: a file can't be written.
    """
    names: set[str] = set()
    room = max_bytes
    try:
        with tarfile.open(fileobj=archive, mode="r:") as tar:
            for member in tar:
                room -= member.size
                _refuse_unsafe(member, names, room)
                names.add(member.name)
                _extract(tar, member, folder / member.name)
    except tarfile.TarError as error:
        raise UpdateError(f"the bundle's archive is damaged: {error}", hint=_HINT) from error


def _refuse_unsafe(member: tarfile.TarInfo, names: set[str], room: int) -> None:
    fault = None
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        fault = "is not a plain file"
    elif not FILE_NAME.fullmatch(member.name):
        fault = "has a name that a bundle's file can't have"
    elif member.name in names:
        fault = "is there twice"
    elif len(names) >= MAX_FILES:
        fault = f"is one more than the {MAX_FILES} files a bundle may have"
    elif member.size < 0 or room < 0:
        fault = "is larger than the bundle may be"
    if fault:
        raise UpdateError(f"the bundle's archive is not safe: {member.name!r} {fault}", hint=_HINT)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, destination: Path) -> None:
    source = tar.extractfile(member)
    if source is None:
        raise UpdateError(f"the bundle's archive is damaged: {member.name!r} has no content", hint=_HINT)
    with source, destination.open("xb") as file:
        while chunk := source.read(_COPY_BYTES):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
