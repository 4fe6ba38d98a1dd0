"""What the signed repository says about one published settings document, read by both ends of the WAN.

A document is a TUF target `settings/<addressee>/<version>.yaml`; this is its signed `custom` field. The version in it
is what keeps a box from ever going back to an older document: TUF itself lets a signer point at an old file.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.machine import Name

SETTINGS_FOLDER = "settings/"
MAX_DOCUMENT_BYTES = 256 * 2**10


class SettingsTarget(BaseModel):
    """One published document.

    Attributes:
        addressee: the machine it is for, or the group of machines whose boxes follow it.
        version: counter that only rises for one addressee.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    addressee: Name
    version: Annotated[int, Field(ge=1)]

    @property
    def path(self) -> str:
        """The target's path in the repository."""
        return f"{SETTINGS_FOLDER}{self.addressee}/{self.version}.yaml"
