"""The box asks which model is for it: only an answer that is surely the centre's is one."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from cloud_sync.edge.credential import write_credential
from cloud_sync.edge.offers import ModelOffers
from cloud_sync.model_offer import ModelOffer, OfferKind
from cloud_sync.wire import Enrolment
from edge_runtime.errors import CentreUnreachableError, CredentialError, HydrosightError, UpdateError

Answer = Callable[[httpx.Request], httpx.Response]
GOOD = {"model": "rig", "kind": "version", "version": "1.4.0", "rollout": 3}


@pytest.fixture
def credential(tmp_path: Path) -> Path:
    path = tmp_path / "credential.json"
    write_credential(path, Enrolment("a1", "hsa_a1_secret", "press-7"))
    return path


def ask(credential: Path, answer: Answer) -> ModelOffer:
    transport = httpx.MockTransport(answer)
    with httpx.Client(base_url="https://centre.example.com", transport=transport) as client:
        return ModelOffers(client, credential).ask("rig")


def says(content: object, status: int = 200, **headers: str) -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return lambda _: httpx.Response(status, content=body, headers=headers)


def test_the_offer_is_what_the_centre_says(credential: Path) -> None:
    def centre(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == "https://centre.example.com/api/v1/models/offer?model=rig"
        assert request.headers["authorization"] == "Bearer hsa_a1_secret"
        return httpx.Response(200, json=GOOD | {"of a later version": 1})

    assert ask(credential, centre) == ModelOffer("rig", OfferKind.VERSION, "1.4.0", 3)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (says({}, 404), UpdateError),
        (says({}, 401), CredentialError),
        (says({}, 500), CentreUnreachableError),
        (says({}, 429, **{"retry-after": "5"}), CentreUnreachableError),
        (says({}, 302, location="https://login.example.com"), CentreUnreachableError),
        (says(b"<html>log in</html>"), CentreUnreachableError),
        (says({"kind": "newest"}), CentreUnreachableError),
        (says(GOOD | {"kind": "everything"}), CentreUnreachableError),
        (says(GOOD | {"version": 14}), CentreUnreachableError),
        (says(GOOD | {"model": "press"}), CentreUnreachableError),
        (says(b" " * 100_000), CentreUnreachableError),
        (says(b"not gzip", **{"content-encoding": "gzip"}), CentreUnreachableError),
    ],
)
def test_everything_else_is_no_offer_and_says_what_to_do(
    credential: Path, answer: Answer, error: type[HydrosightError]
) -> None:
    with pytest.raises(error) as refusal:
        ask(credential, answer)
    assert refusal.value.hint


def test_no_connection_is_no_offer(credential: Path) -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)

    with pytest.raises(CentreUnreachableError, match="connection refused"):
        ask(credential, nobody)


def test_a_box_that_is_not_enrolled_is_offered_nothing(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="isn't enrolled"):
        ask(tmp_path / "none", says(GOOD))
