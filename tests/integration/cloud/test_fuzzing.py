"""Whatever is asked of the API, by whomever: no 500, and what is answered is what the description says.

`HYDROSIGHT_FUZZ_EXAMPLES=500` asks for so many examples of each route, with all phases; the default is a handful.
"""

import copy
import itertools
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from cloud_sync.batch_codec import CONTENT_TYPE
from cloud_sync.cloud.access.operators import Role
from cloud_sync.cloud.api.app import create_app
from cloud_sync.cloud.settings import CloudSettings
from cloud_sync.edge.enrol import enrol
from cloud_sync.edge.link import Link
from tests.integration.cloud.conftest import send
from tests.servers.batches import START_US, make_batch, time_of
from tests.servers.centre import Centre
from tests.servers.odd_values import ODD_JSON, odd_bodies, places, put

FEW = 2
IN_PATHS = {"machine": "rig", "window_start": time_of(START_US).isoformat().replace("+00:00", "Z")}
"""What there is; of everything else, 1."""
EXAMPLES = int(os.environ.get("HYDROSIGHT_FUZZ_EXAMPLES", FEW))
MACHINE_FILE = (Path(__file__).parents[3] / "configs" / "machines" / "zema.yaml").read_text()
DESCRIPTION: dict[str, Any] = create_app(CloudSettings(database_url="postgresql:///nowhere")).openapi()
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
ROUTES = [(path, method) for path, operations in DESCRIPTION["paths"].items() for method in operations]
NAMES = [f"{method.upper()} {path}" for path, method in ROUTES]
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
schemathesis.openapi.media_type(CONTENT_TYPE, odd_bodies())


@dataclass(frozen=True)
class Fuzzed:
    """A centre with something of everything in it, and the headers of whoever may ask it."""

    centre: Centre
    callers: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def fuzzed(module_postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    unlimited = dict.fromkeys(
        ("box_requests_per_minute", "operator_requests_per_minute", "inference_requests_per_minute",
         "refused_tries_per_minute"), "0"
    )  # fmt: skip
    centre = Centre(module_postgres_url, tmp_path_factory.mktemp("centre") / "centre.log", **unlimited)
    try:
        yield Fuzzed(centre, _callers(centre))
    finally:
        centre.stop()


def _callers(centre: Centre) -> dict[str, dict[str, str]]:
    box = enrol(Link(centre.url), centre.token("rig"), "rig", "0.1.0", MACHINE_FILE)
    for number in range(2):
        assert send(centre.url, box.credential, make_batch("rig", number)).status_code == 200
    tokens = {"box": box.credential, "nobody": ""}
    tokens |= {str(role): centre.operator_token(role, role) for role in (Role.VIEWER, Role.ADMIN)}
    return {name: {"Authorization": f"Bearer {token}"} if token else {} for name, token in tokens.items()}


@pytest.mark.parametrize(("path", "method"), ROUTES, ids=NAMES)
def test_every_answer_is_as_described(fuzzed: Fuzzed, path: str, method: str) -> None:
    operation, known = SCHEMA[path][method.upper()], _known(path, method)
    cases = st.one_of(
        operation.as_strategy(mode, **parameters)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        for parameters in ({}, known)
    )

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases)
    def ask(case: Case) -> None:
        for caller in fuzzed.callers.values():
            answer = case.call(base_url=fuzzed.centre.url, headers=caller, session=session)
            case.validate_response(answer, checks=CHECKS)

    with requests.Session() as session:
        ask()


@pytest.mark.parametrize(("path", "method"), ROUTES, ids=NAMES)
def test_values_at_the_ends_of_what_types_hold(fuzzed: Fuzzed, path: str, method: str) -> None:
    """A right request with one value in it that is odd: each place and each value, or some of them."""
    operation, known = SCHEMA[path][method.upper()], _known(path, method)
    parts = {"query": dict.fromkeys(_query_names(path, method)), "path_parameters": {}, **known}
    ways = [way for way in places(parts) if len(way) > 1]
    caller = "box" if DESCRIPTION["paths"][path][method].get("security") == [{"box": []}] else "admin"
    with requests.Session() as session:
        for way, odd in list(itertools.product(ways, ODD_JSON))[:: 1 if EXAMPLES > FEW else 7]:
            asked = copy.deepcopy(parts)
            put(asked, way, odd if way[0] == "body" else _in_url(odd, way[0]))
            asked["query"] = {name: value for name, value in asked["query"].items() if value is not None}
            if "body" in asked:
                asked |= {"body": json.dumps(asked["body"]).encode(), "media_type": "application/json"}
            case = operation.Case(**asked)
            answer = case.call(base_url=fuzzed.centre.url, headers=fuzzed.callers[caller], session=session)
            assert answer.status_code != 500, (way, odd, answer.text)
            case.validate_response(answer, checks=CHECKS)


def _known(path: str, method: str) -> dict[str, Any]:
    """What a request that isn't refused has: a machine that there is, and the description's example as body."""
    names = re.findall(r"{(\w+)", path)
    known: dict[str, Any] = {"path_parameters": {name: IN_PATHS.get(name, "1") for name in names}} if names else {}
    for content in DESCRIPTION["paths"][path][method].get("requestBody", {}).get("content", {}).values():
        form = DESCRIPTION["components"]["schemas"].get(content["schema"].get("$ref", "").rpartition("/")[2], {})
        for example in [content["example"]] if "example" in content else form.get("examples", [])[:1]:
            known["body"] = example
    return known


def _query_names(path: str, method: str) -> list[str]:
    parameters = DESCRIPTION["paths"][path][method].get("parameters", ())
    return [parameter["name"] for parameter in parameters if parameter["in"] == "query"]


def _in_url(odd: Any, part: str) -> str:
    """As text; within a path one that doesn't lead to another route, as nothing and dots would."""
    text = str(odd).encode(errors="replace").decode()
    return text if part == "query" else quote(text.strip("./"), safe="") or "0"
