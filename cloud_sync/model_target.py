"""What the signed repository says about one published model, read by both ends of the WAN.

A model is a TUF target `models/<name>/<version>.tar`; this is its signed `custom` field. The release counter in it is
what keeps a box from ever going back to an older model: TUF itself lets a signer point at an old file.
"""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.machine import Name
from edge_runtime.manifest import Manifest, Sha256, Version

SIGNED_AT = "hydrosight-signed-at"
"""Field of timestamp.json: when the centre signed it, ISO 8601 in UTC. A floor for the clock of a box that has none."""


MODELS_FOLDER = "models/"


class ModelTarget(BaseModel):
    """One published model.

    Attributes:
        release: counter that only rises for one `name`.
        manifest_sha256: of the bytes of the bundle's manifest.json, which in turn holds the hash of every other file.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Name
    version: Version
    release: Annotated[int, Field(ge=1)]
    minimum_agent_version: Version
    manifest_sha256: Sha256

    @classmethod
    def of(cls, manifest: Manifest, manifest_sha256: str) -> "ModelTarget":
        """The target that publishes the bundle with this manifest."""
        return cls(
            name=manifest.name,
            version=manifest.version,
            release=manifest.release,
            minimum_agent_version=manifest.minimum_agent_version,
            manifest_sha256=manifest_sha256,
        )

    @property
    def path(self) -> str:
        """The target's path in the repository."""
        return f"{MODELS_FOLDER}{self.name}/{self.version}.tar"

    def runs_on(self, agent_version: str) -> bool:
        """Whether an agent of this version (such as "1.2.3" or "1.2.3rc1") is new enough for it."""
        return _numbers(agent_version) >= _numbers(self.minimum_agent_version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
