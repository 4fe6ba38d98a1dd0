"""Open a model bundle, and trust nothing in it until it has been checked.

A bundle is a flat folder: `manifest.json` and exactly the files that the manifest lists. Anything else in it, a
sub-folder, a link or a file under another name, is refused: what isn't hashed isn't covered by the signature.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from pathlib import Path

from pydantic import ValidationError

from edge_runtime.baseline.deviation import DEVIATION
from edge_runtime.errors import BundleError, ConfigurationError
from edge_runtime.features.classic import CLASSIC
from edge_runtime.features.physics.registry import PHYSICS
from edge_runtime.features.sequence import SEQUENCE
from edge_runtime.machine import Machine
from edge_runtime.machine_file import load_machine
from edge_runtime.manifest import MANIFEST_SCHEMA, Manifest
from edge_runtime.novelty import TrainedRegion
from edge_runtime.novelty_file import read_regions

MANIFEST_FILE = "manifest.json"
MODEL_FILE = "model.onnx"
GOLDEN_FILE = "golden.npz"
MACHINE_FILE = "machine.yaml"
CARD_FILE = "MODEL_CARD.md"
NOVELTY_FILE = "novelty.npz"
REQUIRED_FILES = (MODEL_FILE, GOLDEN_FILE, MACHINE_FILE, CARD_FILE)

MAX_MANIFEST_BYTES = 2**20
MAX_BUNDLE_BYTES = 512 * 2**20

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_GET_AGAIN = "Get the bundle again; if it was edited by hand, build it again with hydrosight-train."


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose every file has been checked against its manifest.

    Attributes:
        path: the folder.
        manifest: what `manifest.json` says.
        machine: the machine that the golden windows come from.
        sha256: SHA-256 of `manifest.json`, and through the hashes in it of the whole bundle.
        regions: where each condition's signals were in training; empty in a bundle that doesn't say.
    """

    path: Path
    manifest: Manifest
    machine: Machine
    sha256: str
    regions: Mapping[str, TrainedRegion] = field(default_factory=dict)

    @property
    def model_path(self) -> Path:
        """The model, for `OnnxBackend`."""
        return self.path / MODEL_FILE

    @property
    def golden_path(self) -> Path:
        """The golden windows, for `GoldenWindows.read`."""
        return self.path / GOLDEN_FILE


def open_bundle(path: Path, *, agent_version: str | None = None) -> Bundle:
    """Check a bundle and read its manifest and machine.

    Args:
        path: the bundle's folder.
        agent_version: what the manifest's `minimum_agent_version` is held against; the installed version by default.

    Raises:
        BundleError: a file is missing, changed, unlisted, a link or too large, or the bundle was made for other
            features or a newer agent. The message says which file, what was expected and what was found.
    """
    try:
        return _open(path, agent_version or installed_version("hydrosight"))
    except OSError as error:
        raise BundleError(
            f"{path}: can't be read: {error}", hint="Check the disk, and that this user may read the folder."
        ) from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hex, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open(path: Path, agent_version: str) -> Bundle:
    raw = _read_manifest(path)
    manifest = _parse_manifest(path / MANIFEST_FILE, raw)
    _check_made_for_this_agent(path, manifest, agent_version)
    _check_listing(path, manifest)
    for name, expected in sorted(manifest.files.items()):
        found = file_sha256(path / name)
        if found != expected:
            raise BundleError(
                f"{path / name}: has SHA-256 {found}, the manifest expects {expected}: the file is damaged or changed",
                hint=_GET_AGAIN,
            )
    try:
        machine = load_machine(path / MACHINE_FILE)
    except ConfigurationError as error:
        raise BundleError(str(error), hint=_GET_AGAIN) from error
    regions = read_regions(path / NOVELTY_FILE) if NOVELTY_FILE in manifest.files else {}
    return Bundle(path, manifest, machine, hashlib.sha256(raw).hexdigest(), regions)


def _read_manifest(path: Path) -> bytes:
    if not path.is_dir():
        raise BundleError(f"{path}: no such bundle folder", hint="Name a folder that holds manifest.json.")
    file = path / MANIFEST_FILE
    if file.is_symlink() or not file.is_file():
        raise BundleError(f"{file}: is missing or not a plain file", hint="Is this folder a model bundle?")
    size = file.stat().st_size
    if size > MAX_MANIFEST_BYTES:
        raise BundleError(f"{file}: is {size} bytes, at most {MAX_MANIFEST_BYTES} are allowed", hint=_GET_AGAIN)
    return file.read_bytes()


def _parse_manifest(file: Path, raw: bytes) -> Manifest:
    try:
        content = json.loads(raw)
        schema = content.get("schema_version") if isinstance(content, dict) else None
        if isinstance(schema, int) and schema > MANIFEST_SCHEMA:
            raise BundleError(
                f"{file}: has schema version {schema}, this agent reads up to {MANIFEST_SCHEMA}",
                hint="Update the agent, then install the bundle again.",
            )
        return Manifest.model_validate(content)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise BundleError(f"{file}: {faults}", hint=_GET_AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{file}: is not JSON: {error}", hint=_GET_AGAIN) from error


def _check_made_for_this_agent(path: Path, manifest: Manifest, agent_version: str) -> None:
    if _as_numbers(agent_version) < _as_numbers(manifest.minimum_agent_version):
        raise BundleError(
            f"{path}: needs agent {manifest.minimum_agent_version} or newer, this is {agent_version}",
            hint="Update the agent, then install the bundle again.",
        )
    for kind, found, ours in (
        ("features", manifest.features, CLASSIC.id),
        ("sequence", manifest.sequence, SEQUENCE.id),
        ("residuals", manifest.residuals or PHYSICS.id, PHYSICS.id),
        ("deviation", manifest.deviation or DEVIATION.id, DEVIATION.id),
    ):
        if found != ours:
            raise BundleError(
                f"{path / MANIFEST_FILE}: {kind} is {found!r}, this agent computes {ours!r}",
                hint="Use a model trained for this agent's features, or the agent version that the model was made for.",
            )


def _as_numbers(version: str) -> tuple[int, ...]:
    """Release part of a version: "1.2.3rc1" → (1, 2, 3)."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _check_listing(path: Path, manifest: Manifest) -> None:
    """The folder holds the manifest and the plain files that it lists, no more and no less, within bounds."""
    for name in manifest.files:
        if not _PLAIN_NAME.fullmatch(name) or name == MANIFEST_FILE:
            raise BundleError(
                f"{path / MANIFEST_FILE}: lists {name!r}, only plain names of files in the folder itself are allowed",
                hint=_GET_AGAIN,
            )
    if unlisted := sorted(set(REQUIRED_FILES) - set(manifest.files)):
        raise BundleError(f"{path / MANIFEST_FILE}: doesn't list {', '.join(unlisted)}", hint=_GET_AGAIN)
    total = 0
    present = {entry.name: entry for entry in path.iterdir()}
    for name, entry in sorted(present.items()):
        if name not in manifest.files and name != MANIFEST_FILE:
            raise BundleError(
                f"{entry}: isn't listed in the manifest", hint="Remove it: only listed files may be in a bundle."
            )
        if entry.is_symlink() or not entry.is_file():
            raise BundleError(f"{entry}: is a link or not a plain file", hint=_GET_AGAIN)
        total += entry.stat().st_size
    if missing := sorted(set(manifest.files) - set(present)):
        raise BundleError(f"{path}: lacks {', '.join(missing)}, which the manifest lists", hint=_GET_AGAIN)
    if total > MAX_BUNDLE_BYTES:
        raise BundleError(f"{path}: is {total} bytes, at most {MAX_BUNDLE_BYTES} are allowed", hint=_GET_AGAIN)
