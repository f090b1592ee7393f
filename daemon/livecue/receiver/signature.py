"""MetaStudio's HMAC signature (S3, table 8: MSS_A, MSS_A_HEAD). Pure.

`hwSecret = hmac_sha256(Key, URI + hwTime)` in hex, `hwTime` = Unix seconds in hex. Signed is the URL
that was given to the cloud, not what a server behind a proxy sees, plus the query as it was sent.
The page does not say in which form; the known answer published for custom live platforms has no
scheme and the query sorted by key, so that is the default and the other forms are a setting.
Neither the body nor a nonce is signed: TLS and the short window are part of the protection.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from enum import StrEnum

SIGNATURE_PARAMS = frozenset({"hwSecret", "hwTime"})

_TIME = re.compile(r"[0-9a-fA-F]{8}", re.ASCII)


class UriForm(StrEnum):
    """How the signed URI is written; a setting."""

    BARE_SORTED = "bare_sorted"  # no scheme, query sorted by key: the published known answer
    BARE_SENT = "bare_sent"  # no scheme, query in the order sent
    FULL_SORTED = "full_sorted"  # with https://, query sorted by key
    FULL_SENT = "full_sent"  # with https://, query in the order sent


class Verdict(StrEnum):
    """Why a request is believed or not; label of the counter of rejected callbacks, never told to the caller."""

    GENUINE = "genuine"
    MISSING = "missing"
    DUPLICATED = "duplicated"
    MALFORMED = "malformed"
    STALE = "stale"
    FUTURE = "future"
    WRONG = "wrong"


def sign(key: str, uri: str, hw_time: str) -> str:
    """The signature of `uri` (in its final form) at `hw_time` (hex Unix seconds), in lower-case hex."""
    return hmac.new(key.encode(), (uri + hw_time).encode(), hashlib.sha256).hexdigest()


def signed_uri(url: str, query: str, form: UriForm) -> str:
    """The text that is signed: the configured `url` in `form` with the raw `query` less its signature.

    A query of the configured URL itself counts only as received: the cloud sends it along.
    """
    base = url.split("#", 1)[0].split("?", 1)[0]
    if form in {UriForm.BARE_SORTED, UriForm.BARE_SENT}:
        base = base.split("://", 1)[-1]
    pairs = [pair for pair in query.split("&") if pair and pair.split("=", 1)[0] not in SIGNATURE_PARAMS]
    if form in {UriForm.BARE_SORTED, UriForm.FULL_SORTED}:
        pairs.sort(key=lambda pair: pair.split("=", 1)[0])
    return f"{base}?{'&'.join(pairs)}" if pairs else base


def verify(
    url: str,
    query: str,
    secrets: Sequence[str],
    times: Sequence[str],
    keys: Sequence[str],
    forms: Sequence[UriForm] = (UriForm.BARE_SORTED,),
    *,
    now_s: float,
    window_s: float = 60.0,
    skew_s: float = 10.0,
) -> Verdict:
    """Whether a request is signed with one of `keys` and fresh.

    Args:
        url: the callback URL as configured at the cloud.
        query: the raw query as received.
        secrets: every value of hwSecret (or its header) in the request.
        times: every value of hwTime (or its header) in the request.
        keys: the current key, and the previous one while keys are being changed.
        forms: accepted forms of the URI.
        now_s: Unix seconds.
        window_s: how old a signature may be (the known answer's page: one minute).
        skew_s: how far the two clocks may differ, either way.
    """
    if len(secrets) > 1 or len(times) > 1:
        return Verdict.DUPLICATED
    if not secrets or not times or not secrets[0] or not times[0]:
        return Verdict.MISSING
    hw_time = times[0]
    if _TIME.fullmatch(hw_time) is None:
        return Verdict.MALFORMED
    if not _matches(secrets[0], hw_time, [signed_uri(url, query, form) for form in forms], keys):
        return Verdict.WRONG
    age_s = now_s - int(hw_time, 16)
    if age_s > window_s + skew_s:
        return Verdict.STALE
    return Verdict.FUTURE if age_s < -skew_s else Verdict.GENUINE


def same_secret(given: str, expected: Sequence[str]) -> bool:
    """Whether `given` is one of `expected`, in a time that does not tell which or how nearly; never if empty."""
    found = False
    for secret in expected:
        found |= hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode()) and secret != ""
    return found


def _matches(secret: str, hw_time: str, uris: Sequence[str], keys: Sequence[str]) -> bool:
    usable = [key for key in keys if key]  # an empty key would let everybody sign
    return same_secret(secret.lower(), [sign(key, uri, hw_time) for key in usable for uri in uris])
