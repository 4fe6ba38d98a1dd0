"""Which model diagnoses a machine's windows at the centre, and a folder that a worker can open it from."""

import asyncio
import shutil
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import psycopg

from cloud_sync.bundle_archive import unpack_bundle
from cloud_sync.cloud.inference.job import ServingModel
from cloud_sync.cloud.registry.verified import VerifiedModels
from cloud_sync.cloud.rollout.serving import version_for
from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.model_target import ModelTarget
from edge_runtime.bundle import open_bundle
from edge_runtime.errors import BundleError, RefusedError

BUNDLES_KEPT = 8
"""Unpacked at once, 3 MB each of the rig's size; the one that was longest not asked for makes way, once nothing waits
for it."""


class ModelShelf:
    """Models of the signed repository, or the one of the setting `inference_bundle` for all machines."""

    def __init__(self, settings: CloudSettings) -> None:
        self._given = settings.inference_bundle
        self._published = None if settings.tuf_repository is None else VerifiedModels(settings.tuf_repository)
        self._unpacked: OrderedDict[str, ServingModel] = OrderedDict()
        self._folder: Path | None = None
        self._one_at_a_time = asyncio.Lock()

    async def model_for(self, connection: psycopg.AsyncConnection, machine: str) -> ServingModel:
        """The model that serves a machine.

        Raises:
            RefusedError: none does (409).
            BundleError: it is damaged, or made for a newer Hydrosight.
            UpdateError: the repository can't be trusted.
        """
        given = await self.given()
        if given is not None:
            return given
        target = None
        if self._published is not None:
            target = await version_for(connection, machine, await asyncio.to_thread(self._published.models))
        if target is None:
            raise RefusedError(
                f"no model serves machine {machine!r}",
                status=409,
                hint="Set tuf_repository or inference_bundle (commands: --config) and hydrosight-cloud model publish",
            )
        return await self._opened(target.manifest_sha256, target)

    async def given(self) -> ServingModel | None:
        """The model of the setting; None where models come from the repository.

        Raises:
            BundleError: it is damaged, or made for a newer Hydrosight.
        """
        return None if self._given is None else await self._opened("", self._given)

    def close(self) -> None:
        """Delete what was unpacked."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _opened(self, key: str, source: Path | ModelTarget) -> ServingModel:
        async with self._one_at_a_time:
            if key not in self._unpacked:
                self._unpacked[key] = await asyncio.to_thread(self._open, source)
                if len(self._unpacked) > BUNDLES_KEPT:
                    self._unpacked.popitem(last=False)
            self._unpacked.move_to_end(key)
            return self._unpacked[key]

    def _open(self, source: Path | ModelTarget) -> ServingModel:
        if isinstance(source, Path):
            return _serving(source)
        assert self._published is not None  # noqa: S101  the target came from there
        archive = self._published.archive(source)
        with _disk_faults(source):
            self._folder = self._folder or Path(mkdtemp(prefix="hydrosight-models-"))
            folder = Path(mkdtemp(dir=self._folder))
        try:
            with _disk_faults(source), archive.open("rb") as content:
                unpack_bundle(content, folder)
            model = _serving(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        # Windows that wait for it hold it: a worker opens it for them, however many models were asked for meanwhile.
        weakref.finalize(model, shutil.rmtree, folder, ignore_errors=True)
        return model


def _serving(folder: Path) -> ServingModel:
    bundle = open_bundle(folder)
    return ServingModel(bundle.manifest.name, bundle.manifest.version, bundle.sha256, folder, bundle.manifest.window_s)


@contextmanager
def _disk_faults(model: ModelTarget) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BundleError(
            f"model {model.name} {model.version} can't be unpacked: {error}", hint="Is there room in TMPDIR?"
        ) from error
