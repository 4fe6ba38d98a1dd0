"""Secrets: long, told apart by kind, and checked without telling why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.cloud.access.secret import Secret, SecretKind, bearer
from edge_runtime.errors import CredentialError


@pytest.mark.parametrize("kind", SecretKind)
def test_a_secret_is_read_back_and_fits_its_own_hash_only(kind: SecretKind) -> None:
    secret, other = Secret.generate(kind), Secret.generate(kind)

    assert Secret.parse(secret.text, kind) == secret
    assert len(secret.random) >= 43  # 256 bits in base64
    secret.check(secret.sha256)
    for stored in (other.sha256, b"", None):
        with pytest.raises(CredentialError, match="doesn't know"):
            secret.check(stored)


def test_one_kind_does_not_pass_for_another() -> None:
    with pytest.raises(CredentialError, match="not an agent's credential"):
        Secret.parse(Secret.generate(SecretKind.OPERATOR).text, SecretKind.AGENT)


def test_its_repr_keeps_the_secret() -> None:
    secret = Secret.generate(SecretKind.AGENT)

    assert secret.random not in repr(secret)


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(CredentialError):
        Secret.parse(text.replace("hsa_", ""), SecretKind.AGENT)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "abc"])
def test_a_header_without_a_bearer_token_is_refused(header: str | None) -> None:
    with pytest.raises(CredentialError):
        bearer(header)


def test_a_bearer_token_is_found() -> None:
    assert bearer("bearer  abc ") == "abc"
