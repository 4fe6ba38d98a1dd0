"""What the centre's address may be, and what its answers mean: turned into our own errors."""

import ipaddress
from email.utils import parsedate_to_datetime

import httpx
import msgspec

from edge_runtime.errors import CentreUnreachableError, ConfigurationError, CredentialError, RefusedError

PROBLEM_TYPE = "application/problem+json"
_OUR_PROBLEM = "urn:hydrosight:problem:"
_FINAL = frozenset({400, 408, 413, 422})
_MAX_RETRY_AFTER_S = 3600.0


class Problem(msgspec.Struct, frozen=True):
    """What the centre says when it says no (RFC 9457)."""

    type: str = ""
    detail: str = ""
    hint: str = ""


def check_url(url: str) -> httpx.URL:
    """The centre's URL, if it is safe to send a credential to.

    Raises:
        ConfigurationError: it isn't a URL, or isn't https and not on this box either.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ConfigurationError(
            f"centre url {url!r}: {error}", hint="Write it as https://centre.example.com"
        ) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise ConfigurationError(
            f"centre url {url!r} is not one of a web server", hint="Write it as https://centre.example.com"
        )
    if parsed.scheme == "http" and not _is_loopback(parsed.host):
        raise ConfigurationError(
            f"centre url {url!r} is not encrypted",
            hint=f"Write https://{parsed.host}; http is only for a centre on this very box.",
        )
    return parsed


def unreachable(error: Exception, url: str) -> CentreUnreachableError:
    """What a failed request means for whoever reads the log."""
    what = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in what:
        return CentreUnreachableError(
            f"the certificate of {url} isn't one to believe: {what}",
            hint="Name the CA of the centre as centre.ca_file, and check this box's clock: hydrosight doctor",
        )
    return CentreUnreachableError(
        f"no answer from {url}: {what}",
        hint="Check the network and the centre's address: hydrosight doctor",
    )


def raise_for_answer(response: httpx.Response) -> None:
    """Do nothing for a success; else say what the centre said.

    Only what is surely the centre's own answer is final; but a request too large for something on the way stays that.

    Raises:
        CredentialError: it doesn't accept the credential or token (401, 403).
        RefusedError: it would refuse the same again (400, 413, 422), or it took too long to arrive (408).
        CentreUnreachableError: anything else; to be tried again.
    """
    if response.is_success:
        return
    problem = _problem(response)
    said = problem.detail or f"HTTP {response.status_code} {response.reason_phrase}"
    if response.status_code in {401, 403}:
        raise CredentialError(f"the centre says: {said}", hint=problem.hint or "Enrol this box again.")
    ours = problem.type.startswith(_OUR_PROBLEM)
    if (response.status_code in _FINAL and ours) or response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
        who = "the centre" if ours else "something on the way to the centre"
        raise RefusedError(f"{who} says: {said}", status=response.status_code, hint=problem.hint)
    raise CentreUnreachableError(
        f"{response.url.copy_with(path='/', query=None)} says: {said}",
        hint=problem.hint or "Is it the centre, and is nothing on the way that answers for it?",
        retry_after_s=_retry_after(response),
    )


def _problem(response: httpx.Response) -> Problem:
    if response.headers.get("content-type", "").partition(";")[0] == PROBLEM_TYPE:
        try:
            return msgspec.json.decode(response.content, type=Problem)
        except msgspec.DecodeError:
            return Problem()
    return Problem()


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds of a Retry-After header. A date is taken by the answerer's own clock, which it sends as `Date`."""
    value: str = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _MAX_RETRY_AFTER_S)
    try:
        until, now = (parsedate_to_datetime(text) for text in (value, response.headers.get("date", "")))
        return min(max((until - now).total_seconds(), 0.0), _MAX_RETRY_AFTER_S)
    except (ValueError, TypeError):  # not two dates, or only one of them with a zone
        return None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
