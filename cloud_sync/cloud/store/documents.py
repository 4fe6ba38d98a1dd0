"""What the centre reads of the JSON documents that boxes send: what becomes columns, and no more.

Words such as a severity or a kind aren't checked against those of this version, and all else isn't looked at: documents
are kept as they came, so a newer box may say more in them.
"""

from datetime import datetime
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from cloud_sync.cloud.store.checks import unfit

Document = TypeVar("Document", bound=msgspec.Struct)
Moment = Annotated[datetime, Meta(tz=True)]
Share = Annotated[float, Meta(ge=0, le=1)]


class ModelDocument(msgspec.Struct, frozen=True):
    """Which model made a diagnosis."""

    name: str
    version: str
    sha256: str


class ComponentDocument(msgspec.Struct, frozen=True):
    """What a diagnosis says of one component."""

    component: str
    ne107: str
    health: Share | None = None
    level: str | None = None
    severity: str | None = None
    confidence: Share | None = None
    abstained: bool = False


class DiagnosisDocument(msgspec.Struct, frozen=True):
    """A diagnosis; `edge_runtime.diagnosis.Diagnosis` is all of it."""

    machine: str
    window_start: Moment
    window_end: Moment
    overall_health: Share | None
    components: tuple[ComponentDocument, ...]
    completeness: Share
    model: ModelDocument


class AlertDocument(msgspec.Struct, frozen=True):
    """An alert; `edge_runtime.alert.Alert` is all of it. It has these two states in every version."""

    id: str
    machine: str
    component: str
    kind: str
    state: Literal["raised", "cleared"]
    severity: str
    message: str


def read_document(document: bytes, form: type[Document], where: str) -> tuple[Document, str]:
    """A document, and its text.

    Raises:
        RefusedError: it isn't JSON of that form (422); `where` names it.
    """
    try:
        return msgspec.json.decode(document, type=form), document.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unfit(where, str(error)) from error
