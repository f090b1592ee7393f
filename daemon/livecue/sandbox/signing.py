"""Signatures, both ways: SDK-HMAC-SHA256 of requests (S4 3.2), callbacks (S4 6.2.1) and report keys (S4 6.2.7).

Pure: no clock and no I/O; bytes and times come in, verdicts go out.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote, urlsplit

ALGORITHM = "SDK-HMAC-SHA256"
DATE_FORMAT = "%Y%m%dT%H%M%SZ"
MAX_SKEW_S = 900.0
_AUTHORIZATION = re.compile(
    ALGORITHM
    + r"\s+Access=(?P<ak>[^,\s]+),\s*SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<hex>[0-9a-fA-F]+)\s*"
)


@dataclass(frozen=True)
class SignedRequest:
    """What is signed of a request. `path` and `query` as on the wire; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def canonical_path(path: str) -> str:
    """Every segment percent-encoded once, with a slash at the end."""
    encoded = "/".join(quote(unquote(segment), safe="~") for segment in path.split("/"))
    return encoded if encoded.endswith("/") else encoded + "/"


def canonical_query(query: str) -> str:
    """Sorted by name, then value, each percent-encoded once."""
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)


def canonical_request(request: SignedRequest, signed_headers: list[str]) -> str:
    """The six parts over which the signature is made."""
    lines = [f"{name}:{request.headers[name].strip()}\n" for name in signed_headers]
    return "\n".join(
        (
            request.method.upper(),
            canonical_path(request.path),
            canonical_query(request.query),
            "".join(lines),
            ";".join(signed_headers),
            hashlib.sha256(request.body).hexdigest(),
        )
    )


def signature(sk: str, date: str, canonical: str) -> str:
    """Hex HMAC-SHA256 of the string to sign."""
    text = f"{ALGORITHM}\n{date}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(sk.encode(), text.encode(), hashlib.sha256).hexdigest()


def refusal(request: SignedRequest, *, ak: str, sk: str, now_s: float) -> str | None:
    """Why the signature of `request` does not hold at `now_s` (Unix seconds), or None if it does."""
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        return "the Authorization header is not readable"
    date = request.headers.get("x-sdk-date", "")
    try:
        signed_at = datetime.strptime(date, DATE_FORMAT).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return "X-Sdk-Date is not of the form YYYYMMDDTHHMMSSZ"
    if abs(now_s - signed_at) > MAX_SKEW_S:
        return "the signature has expired: X-Sdk-Date is more than 15 minutes off"
    names = match["headers"].split(";")
    if not {"host", "x-sdk-date"} <= set(names) or any(name not in request.headers for name in names):
        return "SignedHeaders must name host and x-sdk-date, and only headers that were sent"
    expected = signature(sk, date, canonical_request(request, names))
    genuine = hmac.compare_digest(expected.encode(), match["hex"].lower().encode())
    known = hmac.compare_digest(ak.encode(), match["ak"].encode())
    return None if genuine and known else "verify aksk signature fail"


def callback_signature(url: str, key: str, hw_time: str) -> str:
    """The `hwSecret` of a callback: hex HMAC-SHA256 over the URI and `hw_time` (hex Unix seconds).

    The form is that of the SDK's `CustomPlatformAuthConfig`: host[:port] and path without the scheme,
    query sorted by name. The page of the callback itself leaves the form open (S4 6.2.1).
    """
    parts = urlsplit(url)
    pairs = sorted((pair for pair in parts.query.split("&") if pair), key=lambda pair: pair.split("=", 1)[0])
    uri = parts.netloc + parts.path + ("?" + "&".join(pairs) if pairs else "")
    return hmac.new(key.encode(), (uri + hw_time).encode(), hashlib.sha256).hexdigest()


def report_key(secret: str, job_id: str, expires_ms: int) -> str:
    """The `auth_key` of a job's report URL that holds until `expires_ms` (S4 6.2.7)."""
    return hmac.new(secret.encode(), f"{job_id}\n{expires_ms}".encode(), hashlib.sha256).hexdigest()


def report_key_holds(secret: str, job_id: str, expires_ms: int, auth_key: str) -> bool:
    """Whether `auth_key` was made for this job and this expiry."""
    return hmac.compare_digest(report_key(secret, job_id, expires_ms).encode(), auth_key.encode())
