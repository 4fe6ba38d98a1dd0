"""What the API's description (`/openapi.json`) says of every route alike, beside what FastAPI reads from each.

FastAPI knows parameters, bodies and answers. That every refusal is a problem document, which refusals each protected
route may give, and what the messages of the boxes look like is the same everywhere, and is added here. A route itself
names only the statuses that are its own: `responses=problems(404)`.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from fastapi import FastAPI

from cloud_sync.cloud.api.problem import CONTENT_TYPE, Problem, title_of
from cloud_sync.model_offer import ModelOffer
from cloud_sync.wire import Acknowledgement, Enrolment, EnrolmentRequest, Ledger

TAGS = [
    {"name": "boxes", "description": "What boxes call: enrolment, batches, their ledger. Every body has a limit."},
    {"name": "operators", "description": "Machines and what is known of them. A viewer reads; an operator labels."},
    {"name": "admins", "description": "Models and their roll-outs, for viewers to read too; who did what."},
    {"name": "health", "description": "Whether this server works. For probes and Prometheus, not for strangers."},
]
_MESSAGES = (EnrolmentRequest, Enrolment, Acknowledgement, Ledger, ModelOffer)
_REFERENCE = "#/components/schemas/{name}"
_METHODS = {"get", "post", "put", "patch", "delete"}
_FASTAPIS_OWN = "Validation Error"
_OF_PROTECTED = (401, 429, 503)
_OF_PEOPLE = (403,)
_OF_PARAMETERS = (422,)
_OF_BODIES = (400, 408, 413, 422)
_RETRY_AFTER = {"description": "Seconds to wait before the next try.", "schema": {"type": "integer", "minimum": 1}}
_CHALLENGE = {"description": "How to authenticate.", "schema": {"type": "string"}}
_HEADERS = {
    401: {"WWW-Authenticate": _CHALLENGE},
    429: {"Retry-After": _RETRY_AFTER},
    503: {"Retry-After": _RETRY_AFTER},
}


class DescribedApi(FastAPI):
    """An app whose description is complete."""

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is None:
            described = super().openapi()
            for operation in _operations(described):
                _complete(operation)
            described["components"]["schemas"] = _schemas(described["components"]["schemas"])
        return self.openapi_schema or {}


def message(form: type[msgspec.Struct], example: msgspec.Struct | None = None) -> dict[str, Any]:
    """How a body of this form is described, as JSON."""
    described: dict[str, Any] = {"schema": {"$ref": _REFERENCE.format(name=form.__name__)}}
    if example is not None:
        described["example"] = msgspec.to_builtins(example)
    return {"application/json": described}


def _operations(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in described["paths"].values():
        yield from (operation for method, operation in path.items() if method in _METHODS)


def _complete(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    schemes = {scheme for requirement in operation.get("security", ()) for scheme in requirement}
    expected = [
        *(_OF_PROTECTED if schemes else ()),
        *(_OF_PEOPLE if "person" in schemes else ()),
        *(_OF_PARAMETERS if "parameters" in operation else ()),
        *(_OF_BODIES if "requestBody" in operation else ()),
        *(int(status) for status in responses if status >= "400"),
    ]
    for status in expected:
        known = responses.get(str(status), {})
        if known.get("content") and known["description"] != _FASTAPIS_OWN:
            continue
        responses[str(status)] = {
            "description": title_of(status),
            "content": {CONTENT_TYPE: {"schema": {"$ref": _REFERENCE.format(name=Problem.__name__)}}},
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
    operation["responses"] = dict(sorted(responses.items()))


def _schemas(known: dict[str, Any]) -> dict[str, Any]:
    _, of_boxes = msgspec.json.schema_components(_MESSAGES, ref_template=_REFERENCE)
    problem = {Problem.__name__: Problem.model_json_schema()}
    left = {name: schema for name, schema in known.items() if not name.endswith("ValidationError")}
    return dict(sorted({**left, **of_boxes, **problem}.items()))
