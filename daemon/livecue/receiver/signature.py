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
import math
import re
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

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
    KEY_EARLY = "key_early"  # signed with a key of ours before its not_before
    KEY_EXPIRED = "key_expired"  # signed with a key of ours after its not_after
    VERIFIER_FAILED = "verifier_failed"  # the plugged-in verifier raised


class Key(msgspec.Struct, frozen=True):
    """One key of a room, good from `not_before_s` up to `not_after_s` (Unix seconds).

    `id` is its name in metrics and logs. `given`: it may be handed to the cloud with a start; a
    previous key is only accepted.
    """

    id: str
    secret: str
    not_before_s: float = -math.inf
    not_after_s: float = math.inf
    given: bool = True

    def __repr__(self) -> str:
        return f"Key({self.id})"

    def verdict(self, now_s: float) -> Verdict:
        """Of a signature by this key."""
        if now_s < self.not_before_s:
            return Verdict.KEY_EARLY
        return Verdict.GENUINE if now_s < self.not_after_s else Verdict.KEY_EXPIRED


class Check(msgspec.Struct, frozen=True):
    """What a signature is worth, and by which key it was made (empty if by none of ours)."""

    verdict: Verdict
    key_id: str = ""


def key_to_give(keys: Sequence[Key], now_s: float) -> Key | None:
    """The key that the cloud shall sign with from now on: of those that are good, the newest, then the first.

    If none is good, the next that will be, else the last that was: a live is worth more than its callbacks.
    """
    given = [key for key in keys if key.given]
    if good := [key for key in given if key.verdict(now_s) == Verdict.GENUINE]:
        return max(good, key=lambda key: key.not_before_s)
    if early := [key for key in given if key.verdict(now_s) == Verdict.KEY_EARLY]:
        return min(early, key=lambda key: key.not_before_s)
    return max(given, key=lambda key: key.not_after_s, default=None)


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
    keys: Sequence[Key],
    forms: Sequence[UriForm] = (UriForm.BARE_SORTED,),
    *,
    now_s: float,
    window_s: float = 60.0,
) -> Check:
    """Whether a request is signed with one of `keys` and fresh.

    Args:
        url: the callback URL as configured at the cloud.
        query: the raw query as received.
        secrets: every value of hwSecret (or its header) in the request.
        times: every value of hwTime (or its header) in the request.
        keys: those that are accepted, each in its time.
        forms: accepted forms of the URI.
        now_s: Unix seconds.
        window_s: how far a signature's time may be from now, either way (the known answer's page: one minute).
    """
    if len(secrets) > 1 or len(times) > 1:
        return Check(Verdict.DUPLICATED)
    if not secrets or not times or not secrets[0] or not times[0]:
        return Check(Verdict.MISSING)
    hw_time = times[0]
    if _TIME.fullmatch(hw_time) is None:
        return Check(Verdict.MALFORMED)
    uris = [signed_uri(url, query, form) for form in forms]
    given = secrets[0].lower()
    return checked(
        keys,
        lambda key: any([same_secret(given, [sign(key.secret, uri, hw_time)]) for uri in uris]),  # noqa: C419 - all of them
        now_s - int(hw_time, 16),
        now_s=now_s,
        window_s=window_s,
    )


def checked(
    keys: Sequence[Key], signed: Callable[[Key], bool], age_s: float, *, now_s: float, window_s: float
) -> Check:
    """The worth of a signature made `age_s` ago; `signed` says whether by this key. No key is left untried."""
    matching = [key for key in keys if signed(key) and key.secret]  # an empty key would let everybody sign
    if not matching:
        return Check(Verdict.WRONG)
    key = next((one for one in matching if one.verdict(now_s) == Verdict.GENUINE), matching[0])
    if abs(age_s) > window_s:
        return Check(Verdict.STALE if age_s > 0 else Verdict.FUTURE, key.id)
    return Check(key.verdict(now_s), key.id)


def same_secret(given: str, expected: Sequence[str]) -> bool:
    """Whether `given` is one of `expected`, in a time that does not tell which or how nearly; never if empty."""
    found = False
    for secret in expected:
        found |= hmac.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode()) and secret != ""
    return found
