"""Enrol a box: a one-time token becomes a credential of its own."""

from pathlib import Path

import httpx
import msgspec

from cloud_sync.edge.centre import TIMEOUT, check_url, raise_for_answer, tls_context, unreachable
from cloud_sync.wire import Enrolment, EnrolmentRequest, decode_json
from edge_runtime.errors import CentreUnreachableError, WireError


def enrol(
    centre_url: str,
    token: str,
    machine: str,
    agent_version: str,
    machine_file: str,
    *,
    ca_file: Path | None = None,
) -> Enrolment:
    """Ask the centre for a credential. `machine_file` is the machine file's YAML text.

    An answer that is lost on the way leaves the token used: then it takes a new one.

    Raises:
        ConfigurationError: the URL or the CA file is wrong.
        CredentialError: the token is wrong, used or expired, or for another machine.
        RefusedError: the centre can't take the request as it is.
        CentreUnreachableError: no answer, or not the centre's.
    """
    url = check_url(centre_url)
    request = EnrolmentRequest(token.strip(), machine, agent_version, machine_file)
    with httpx.Client(base_url=url, verify=tls_context(ca_file), timeout=TIMEOUT) as client:
        try:
            response = client.post(
                "/api/v1/enrol", content=msgspec.json.encode(request), headers={"Content-Type": "application/json"}
            )
        except httpx.HTTPError as error:
            raise unreachable(error, centre_url) from error
    raise_for_answer(response)
    try:
        return decode_json(response.content, Enrolment)
    except WireError as error:
        raise CentreUnreachableError(
            f"{centre_url} doesn't answer as the centre does: {error}", hint="Check centre.url."
        ) from error
