"""Tokens and credentials: what they look like, and how one is checked against its hash.

A secret is `<kind>_<id>_<256 random bits>`: `hse` for a one-time enrolment token, `hsa` for an agent's credential,
`hso` for an operator's token (a scanner of leaked secrets finds them by it). The id finds the row; of the rest only
SHA-256 is stored. A slow, salted hash guards passwords that people choose against guessing; 256 random bits can't be
guessed at any speed, and a slow hash would only add its cost to every request.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from edge_runtime.errors import CredentialError


class SecretKind(StrEnum):
    """Who a secret is for."""

    ENROLMENT = "hse"
    AGENT = "hsa"
    OPERATOR = "hso"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret in the clear: shown once, to whom it is for. Its `repr` leaves the random part out."""

    kind: SecretKind
    id: str
    random: str = field(repr=False)

    @classmethod
    def generate(cls, kind: SecretKind) -> Self:
        """A new one, from the system's random source."""
        return cls(kind, secrets.token_hex(6), secrets.token_urlsafe(32))

    @classmethod
    def parse(cls, text: str, kind: SecretKind) -> Self:
        """Read one that was presented.

        Raises:
            CredentialError: it isn't one, or is for something else.
        """
        prefix, _, rest = text.partition("_")
        identity, _, random = rest.partition("_")
        if prefix != kind or not identity or not random or not text.isascii() or not text.isprintable():
            raise CredentialError(f"not {_MEANING[kind]}", hint=_REMEDY[kind])
        return cls(kind, identity, random)

    @property
    def text(self) -> str:
        """The whole of it, as it is handed over."""
        return f"{self.kind}_{self.id}_{self.random}"

    @property
    def sha256(self) -> bytes:
        """What is stored."""
        return hashlib.sha256(self.random.encode()).digest()

    def check(self, stored_sha256: bytes | None) -> None:
        """Compare with what is stored (None: nothing is), in constant time.

        Raises:
            CredentialError: they differ. That the id is unknown isn't told apart.
        """
        if stored_sha256 is None or not hmac.compare_digest(self.sha256, stored_sha256):
            raise CredentialError(f"{_MEANING[self.kind]} that the centre doesn't know", hint=_REMEDY[self.kind])


_MEANING = {
    SecretKind.ENROLMENT: "an enrolment token",
    SecretKind.AGENT: "an agent's credential",
    SecretKind.OPERATOR: "an operator's token",
}
_REMEDY = {
    SecretKind.ENROLMENT: "Make a token at the centre: hydrosight-cloud enroll MACHINE",
    SecretKind.AGENT: "Enrol this box again, with a token from: hydrosight-cloud enroll MACHINE",
    SecretKind.OPERATOR: "Make a token at the centre: hydrosight-cloud operator create NAME",
}


def bearer(authorization: str | None) -> str:
    """The token or credential in the value of an Authorization header.

    Raises:
        CredentialError: there is none.
    """
    scheme, _, credential = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise CredentialError("no credential in the request", hint="Send it as: Authorization: Bearer CREDENTIAL")
    return credential.strip()
