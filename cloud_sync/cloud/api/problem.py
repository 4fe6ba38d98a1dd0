"""How the centre says no: problem details (RFC 9457) with what is wrong, where, and the remedy. Never a stack trace."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
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
    408: ("too-slow", "The request took too long"),
    409: ("too-new", "The box is ahead of the centre"),
    413: ("too-large", "The request is too large"),
    422: ("unfit", "The request's content doesn't fit"),
    429: ("too-many", "Too many requests"),
    500: ("internal", "The centre has a fault"),
    503: ("unavailable", "The centre can't answer now"),
}


def problem(
    request: Request, status: int, detail: str, hint: str = "", retry_after_s: int | None = None
) -> JSONResponse:
    """The response to a request that fails."""
    kind, title = _KINDS.get(status, ("http", "The request fails"))
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    content = {
        "type": f"urn:hydrosight:problem:{kind}",
        "title": title,
        "status": status,
        "detail": detail,
        "hint": hint,
        "instance": request.url.path,
        "trace_id": getattr(request.state, "trace_id", ""),
    }
    return JSONResponse(content, status, headers, media_type=CONTENT_TYPE)


def install(app: FastAPI, retry_after_s: int) -> None:
    """Make every error of the app a problem response."""

    async def on_error(request: Request, error: Exception) -> JSONResponse:
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
            status, detail, hint = 422, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}", "See /docs."
        case HTTPException():
            status, detail, hint = error.status_code, str(error.detail), "See /docs."
    return problem(request, status, detail, hint, retry_after_s if status == 503 else None)
