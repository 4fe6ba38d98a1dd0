"""Ask the centre which of this box's readings it holds."""

import httpx

from cloud_sync.edge.centre import raise_for_answer, unreachable
from cloud_sync.wire import Ledger, decode_json
from edge_runtime.errors import CentreUnreachableError, WireError


def fetch_ledger(client: httpx.Client, credential: str) -> Ledger:
    """The centre's ledger of this box's machine.

    Raises:
        CredentialError: the centre doesn't accept this box.
        CentreUnreachableError: no answer, or not the centre's, or the centre is too old to keep a ledger.
    """
    try:
        response = client.get("/api/v1/ledger", headers={"Authorization": f"Bearer {credential}"})
    except httpx.HTTPError as error:
        raise unreachable(error, str(client.base_url)) from error
    if response.status_code == httpx.codes.NOT_FOUND:
        raise CentreUnreachableError(
            f"{client.base_url} keeps no ledger of readings", hint="Upgrade hydrosight[cloud] on the centre."
        )
    raise_for_answer(response)
    try:
        return decode_json(response.content, Ledger)
    except WireError as error:
        raise CentreUnreachableError(
            f"{client.base_url} doesn't answer as the centre does: {error}", hint="Check centre.url."
        ) from error
