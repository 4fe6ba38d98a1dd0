"""The API's description is complete, every route alike, and docs/api.md lists what there is."""

import re
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.cloud.api.app import create_app
from cloud_sync.cloud.api.openapi import TAGS
from cloud_sync.cloud.settings import CloudSettings

MANUAL = (Path(__file__).parents[5] / "docs" / "api.md").read_text(encoding="utf-8")
DESCRIPTION: dict[str, Any] = create_app(CloudSettings(database_url="postgresql:///nowhere")).openapi()
ROUTES = {
    f"{method.upper()} {path}": operation
    for path, operations in DESCRIPTION["paths"].items()
    for method, operation in operations.items()
}
WITHOUT_CREDENTIAL = {"POST /api/v1/enrol", "GET /health", "GET /health/live", "GET /health/ready", "GET /metrics"}


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_says_what_it_does_and_for_whom(route: str) -> None:
    operation = ROUTES[route]
    (tag,) = operation["tags"]
    assert tag in {known["name"] for known in TAGS}
    assert operation["summary"][0].isupper()
    assert not operation["summary"].endswith(".")
    assert ("security" in operation) == (route not in WITHOUT_CREDENTIAL)
    assert " /api/v1/" in route or tag == "health"


@pytest.mark.parametrize("route", ROUTES)
def test_answers_have_a_form_and_refusals_are_problems(route: str) -> None:
    answers = ROUTES[route]["responses"]
    assert any(status < "300" for status in answers)
    for status, answer in answers.items():
        for content_type, content in answer.get("content", {}).items():
            assert content["schema"], (route, status)
            if status >= "400" and ROUTES[route]["tags"] != ["health"]:
                assert content_type == "application/problem+json"
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
    if "security" in ROUTES[route]:
        assert {"401", "429", "503"} <= answers.keys()
        assert "WWW-Authenticate" in answers["401"]["headers"]
        assert "Retry-After" in answers["503"]["headers"]


def test_every_reference_leads_somewhere() -> None:
    references = set(re.findall(r"'#/components/schemas/([^']+)'", str(DESCRIPTION)))
    assert references <= DESCRIPTION["components"]["schemas"].keys()
    assert "ValidationError" not in str(DESCRIPTION)


def test_parameters_and_bodies_are_described() -> None:
    for route, operation in ROUTES.items():
        for parameter in operation.get("parameters", ()):
            assert parameter["schema"], (route, parameter["name"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert content["schema"], route


def test_the_manual_lists_exactly_these_routes() -> None:
    rows = re.findall(r"^\| `([A-Z]+ /[^`]*)` \| ([^|]*) \| ([^|]*) \|$", MANUAL, re.MULTILINE)
    assert rows == [
        (route, " or ".join(scheme for need in operation.get("security", ()) for scheme in need) or "–", summary)
        for route, operation in sorted(ROUTES.items(), key=lambda item: item[0].partition(" ")[::-1])
        for summary in [operation["summary"]]
    ]
