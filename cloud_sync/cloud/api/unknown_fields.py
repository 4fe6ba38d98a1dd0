"""What boxes newer than this centre have said that it has no field for. Latest first, paged by `before`."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Security
from pydantic import BaseModel

from cloud_sync.cloud.api.paging import MachineName, TimePage, machine_page
from cloud_sync.cloud.api.problem import problems
from cloud_sync.cloud.api.security import PERSON
from cloud_sync.cloud.store.database import Database
from cloud_sync.cloud.store.queries import load_queries

_QUERIES = load_queries("unknown_fields.sql")


class UnknownFieldsAnswer(BaseModel):
    """One record's fields that this centre doesn't know. `key` says what it is about, among its machine's of the kind.

    `fields` is null where JSON has no form for them; bytes are base64. `msgpack` is base64 of what was sent.
    """

    record: str
    key: str
    received: datetime
    schema_minor: int
    names: list[str]
    fields: dict[str, Any] | None
    msgpack: str


@dataclass(frozen=True, slots=True)
class _Row:
    record: str
    key: str
    received: datetime
    schema_minor: int
    names: list[str]
    fields: bytes

    def answer(self) -> UnknownFieldsAnswer:
        return UnknownFieldsAnswer(
            record=self.record,
            key=self.key,
            received=self.received,
            schema_minor=self.schema_minor,
            names=self.names,
            fields=_json(self.fields),
            msgpack=b64encode(self.fields).decode(),
        )


def _json(fields: bytes) -> dict[str, Any] | None:
    try:
        return dict(msgspec.json.decode(msgspec.json.encode(msgspec.msgpack.decode(fields))))
    except (msgspec.MsgspecError, TypeError, RecursionError):  # such as an extension type, or a map with null for a key
        return None


def unknown_fields_api(database: Database) -> APIRouter:
    """The route for what isn't known; it needs a viewer's token."""
    router = APIRouter(
        prefix="/api/v1/machines", tags=["operators"], dependencies=[Security(PERSON)], responses=problems(404)
    )

    @router.get("/{machine}/unknown-fields", summary="What newer boxes say that this centre keeps without knowing it")
    async def unknown_fields(machine: MachineName, page: Annotated[TimePage, Depends()]) -> list[UnknownFieldsAnswer]:
        rows = await machine_page(database, page, machine, _QUERIES["unknown_fields"], _Row, by="received")
        return [row.answer() for row in rows]

    return router
