"""W3C Trace Context: one id from the box, through the centre's logs, to the receipt of a batch.

`traceparent: 00-<trace id>-<parent id>-<flags>`, https://www.w3.org/TR/trace-context/#traceparent-header
"""

import hashlib
import re
import secrets

HEADER = "traceparent"

# Version ff is invalid; versions after 00 may say more after another hyphen.
_IDS = r"-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-[0-9a-f]{2}"
_FORM = re.compile(rf"00{_IDS}")
_LATER_FORM = re.compile(rf"(?!00|ff)[0-9a-f]{{2}}{_IDS}(-.*)?")
_SAMPLED = "01"


def batch_trace_id(boot: str, number: int) -> str:
    """Trace id of a batch, 32 hexadecimal digits: the same at every try, so that they are found together."""
    return hashlib.sha256(f"{boot} {number}".encode()).hexdigest()[:32]


def traceparent(trace_id: str) -> str:
    """The header's value for one request of a trace, which is a span of its own."""
    return f"00-{trace_id}-{secrets.token_hex(8)}-{_SAMPLED}"


def trace_id_of(header: str | None) -> str:
    """Trace id that a request's header gives; a new one if there is no header, or it isn't valid."""
    found = _FORM.fullmatch(header or "") or _LATER_FORM.fullmatch(header or "")
    if found is None or not int(found["trace"], 16) or not int(found["parent"], 16):
        return secrets.token_hex(16)
    return found["trace"]
