"""Which budget a request draws on, and for whom: nothing here waits, counts or checks a secret."""

import hashlib
import ipaddress
from dataclasses import dataclass
from enum import StrEnum

from cloud_sync.cloud.access.secret import SecretKind, bearer
from edge_runtime.errors import CredentialError

_INFERENCE = ("/api/v1/inference", "/api/v1/batch-inference")
_DIGEST_BYTES = 16


class Budget(StrEnum):
    """Requests a minute, each kind with its own setting."""

    BOXES = "boxes"
    OPERATORS = "operators"
    INFERENCE = "inference"
    STRANGERS = "strangers"
    """Tries that were refused: enrolments, and requests whose credential isn't accepted."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who draws on which budget.

    Attributes:
        budget: the kind of request.
        key: a digest of the credential, or the network of somebody who shows none.
    """

    budget: Budget
    key: str


def caller_of(path: str, authorization: str | None) -> Caller | None:
    """Whose request it says it is; None for one that shows nothing that could be a credential.

    The key is of the whole credential, secret part included: who knows only its id can't use up another's budget.
    """
    try:
        credential = bearer(authorization)
    except CredentialError:
        return None
    if credential.startswith(f"{SecretKind.AGENT}_"):
        budget = Budget.BOXES
    elif credential.startswith(f"{SecretKind.OPERATOR}_"):
        budget = Budget.INFERENCE if path.startswith(_INFERENCE) else Budget.OPERATORS
    else:
        return None
    return Caller(budget, hashlib.blake2b(credential.encode(), digest_size=_DIGEST_BYTES).hexdigest())


def stranger_at(host: str | None) -> Caller:
    """Whoever is at that address. An IPv6 site has 2^64 of them, so there the /64 network counts."""
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return Caller(Budget.STRANGERS, host or "unknown")
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return Caller(Budget.STRANGERS, str(address.ipv4_mapped))
        network = ipaddress.IPv6Network((address, 64), strict=False)
        return Caller(Budget.STRANGERS, str(network.network_address))
    return Caller(Budget.STRANGERS, str(address))
