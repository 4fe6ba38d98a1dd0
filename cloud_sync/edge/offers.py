"""Asks the centre which of the signed models is for this box.

The answer can only choose among signed releases, or hold one back. Whatever doesn't come from a centre that knows the
question, be it silence, an error or nonsense, is an error here, and the box stays with the model it has.
"""

from pathlib import Path

import httpx

from cloud_sync.edge.centre import raise_for_answer, unreachable
from cloud_sync.edge.credential import read_credential
from cloud_sync.model_offer import OFFER_PATH, ModelOffer
from cloud_sync.wire import decode_json
from edge_runtime.errors import CentreUnreachableError, UpdateError, WireError

_MAX_ANSWER_BYTES = 64 * 2**10


class ModelOffers:
    """The offers for one box.

    Args:
        client: reused, with the centre's URL as its base; see `cloud_sync.edge.link`.
        credential_file: the box's identity, read at every question since it is renewed at times.
    """

    def __init__(self, client: httpx.Client, credential_file: Path) -> None:
        self._client = client
        self._credential_file = credential_file

    def ask(self, model: str) -> ModelOffer:
        """What the centre offers of the model `model`.

        Raises:
            UpdateError: this centre is too old to say.
            CentreUnreachableError: no answer, not the centre's, or a passing fault.
            CredentialError: the box isn't enrolled, or its credential isn't accepted.
        """
        headers = {"Authorization": f"Bearer {read_credential(self._credential_file).credential}"}
        try:
            with self._client.stream("GET", OFFER_PATH, params={"model": model}, headers=headers) as response:
                content = self._read(response)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise unreachable(error, str(self._client.base_url)) from error
        if response.status_code == httpx.codes.NOT_FOUND:
            raise UpdateError(
                f"{self._client.base_url} doesn't say which model is for this box; it stays with the one it has",
                hint="Upgrade the centre, and let a proxy before it pass /api/v1/models/.",
            )
        raise_for_answer(httpx.Response(response.status_code, headers=_plain(response), content=content,
                                        request=response.request))  # fmt: skip
        try:
            offer = decode_json(content, ModelOffer)
        except WireError as error:
            raise self._nonsense(str(error)) from error
        if offer.model != model:
            raise self._nonsense(f"an offer of {offer.model[:64]!r}, {model!r} was asked for")
        return offer

    def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _MAX_ANSWER_BYTES:
                raise self._nonsense(f"over {_MAX_ANSWER_BYTES} bytes")
        return bytes(body)

    def _nonsense(self, what: str) -> CentreUnreachableError:
        return CentreUnreachableError(
            f"what answers at {self._client.base_url.join(OFFER_PATH)} isn't the centre: {what}",
            hint="Is something on the way that answers for the centre, such as a login page?",
        )


def _plain(response: httpx.Response) -> list[tuple[str, str]]:
    """The headers, without that of a compression that is undone."""
    return [item for item in response.headers.multi_items() if item[0].lower() != "content-encoding"]
