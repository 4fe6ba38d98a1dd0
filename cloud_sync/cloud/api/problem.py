"""How the centre says no: problem details (RFC 9457) with what is wrong, where, and the remedy. Never a stack trace."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from edge_runtime.errors import (
    CredentialError,
    DatabaseError,
    HydrosightError,
    MessageTooLargeError,
    OverloadedError,
    RefusedError,
    WireError,
)

CONTENT_TYPE = "application/problem+json"
_KINDS = {
    400: ("malformed", "The request is malformed"),
    401: ("not-authenticated", "Token or credential isn't accepted"),
    403: ("forbidden", "This isn't allowed"),
    404: ("not-found", "There is no such thing"),
    405: ("method", "There is no such method"),
    408: ("too-slow", "The request took too long"),
    409: ("conflict", "This doesn't fit how things stand"),
    413: ("too-large", "The request is too large"),
    415: ("not-this-form", "The body isn't of a form that is taken here"),
    422: ("unfit", "The request's content doesn't fit"),
    429: ("too-many", "Too many requests"),
    500: ("internal", "The centre has a fault"),
    501: ("not-here", "This server doesn't do that"),
    503: ("unavailable", "The centre can't answer now"),
}
_OTHER = ("http", "The request fails")


class Problem(BaseModel):
    """Why a request was refused.

    Attributes:
        type: its kind, the same for every refusal of that kind.
        title: the kind in words.
        status: the HTTP status.
        detail: what is wrong, and where.
        hint: what to do about it.
        instance: the path that was asked for.
        trace_id: the trace of the request; the server's log names the same.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:hydrosight:problem:not-found",
                    "title": "There is no such thing",
                    "status": 404,
                    "detail": "there is no machine 'press-8'",
                    "hint": "See: GET /api/v1/machines, or hydrosight-cloud fleet",
                    "instance": "/api/v1/machines/press-8",
                    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    hint: str
    instance: str
    trace_id: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the `responses` of a route: the refusals that are its own, beside those that routes of its kind all have."""
    return {status: {"description": title_of(status)} for status in statuses}


def title_of(status: int) -> str:
    """What problems with this status have in common, in words."""
    return _KINDS.get(status, _OTHER)[1]


def problem(
    request: Request, status: int, detail: str, hint: str = "", retry_after_s: int | None = None
) -> JSONResponse:
    """The response to a request that fails."""
    kind, title = _KINDS.get(status, _OTHER)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    content = Problem(
        type=f"urn:hydrosight:problem:{kind}",
        title=title,
        status=status,
        detail=detail,
        hint=hint,
        instance=request.url.path,
        trace_id=getattr(request.state, "trace_id", ""),
    )
    return JSONResponse(content.model_dump(), status, headers, media_type=CONTENT_TYPE)


def install(app: FastAPI, retry_after_s: int, count_overload: Callable[[str], None]) -> None:
    """Make every error of the app a problem response; `count_overload` gets the bottleneck of every overload."""

    async def on_error(request: Request, error: Exception) -> JSONResponse:
        if isinstance(error, OverloadedError):
            count_overload(error.bottleneck)
        return _answer(request, error, retry_after_s)

    for kind in (HydrosightError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, on_error)


def _answer(request: Request, error: Exception, retry_after_s: int) -> JSONResponse:
    status, detail, hint = 500, "unexpected error", "Report it with the server's log of this moment."
    match error:
        case CredentialError():
            status, detail, hint = 401, str(error), error.hint
        case RefusedError():
            status, detail, hint = error.status, str(error), error.hint
        case MessageTooLargeError():
            status, detail, hint = 413, str(error), error.hint
        case WireError():
            status, detail, hint = 400, str(error), error.hint
        case DatabaseError():
            # What PostgreSQL said is for the operator's log and /health/ready, not for everybody who asks.
            status, detail, hint = 503, "the database doesn't answer", "Try again later."
        case OverloadedError():
            status, detail, hint, retry_after_s = 503, str(error), error.hint, error.retry_after_s or retry_after_s
        case RequestValidationError():
            fault = error.errors()[0]
            status, detail, hint = 422, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}", _hint(fault["type"])
        case HTTPException():
            status, detail, hint = error.status_code, str(error.detail), "See /docs."
    answer = problem(request, status, detail, hint, retry_after_s if status == 503 else None)
    if isinstance(error, HTTPException):
        answer.headers.update(error.headers or {})  # such as Allow
    return answer


def _hint(fault: str) -> str:
    if fault in {"timezone_aware", "datetime_from_date_parsing", "datetime_parsing"}:
        return "Write times with their zone, such as 2026-03-01T08:00:00Z; a + in an address is written %2B."
    return "See /docs."
