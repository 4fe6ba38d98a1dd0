"""Enrol a box: a one-time token becomes a credential of its own."""

import httpx
import msgspec

from cloud_sync.edge.centre import raise_for_answer, unreachable
from cloud_sync.edge.link import Link
from cloud_sync.wire import Enrolment, EnrolmentRequest, decode_json
from edge_runtime.errors import CentreUnreachableError, WireError


def enrol(link: Link, token: str, machine: str, agent_version: str, machine_file: str) -> Enrolment:
    """Ask the centre for a credential. `machine_file` is the machine file's YAML text.

    An answer that is lost on the way leaves the token used: then it takes a new one.

    Raises:
        ConfigurationError: the URL, or a file that the link names, is wrong.
        CredentialError: the token is wrong, used or expired, or for another machine.
        RefusedError: the centre can't take the request as it is.
        CentreUnreachableError: no answer, or not the centre's.
    """
    request = EnrolmentRequest(token.strip(), machine, agent_version, machine_file)
    with link.open_blocking() as client:
        try:
            response = client.post(
                "/api/v1/enrol", content=msgspec.json.encode(request), headers={"Content-Type": "application/json"}
            )
        except httpx.HTTPError as error:
            raise unreachable(error, link.url) from error
    raise_for_answer(response)
    try:
        return decode_json(response.content, Enrolment)
    except WireError as error:
        raise CentreUnreachableError(
            f"{link.url} doesn't answer as the centre does: {error}", hint="Check centre.url."
        ) from error
