"""An HMAC by recipe: which parts of a request are signed, in which order, how, and where it stands. Pure.

For forms that MetaStudio names without publishing them (MEITUAN_DEFAULT): whoever knows the form writes
it down in the configuration, and nobody else is believed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from enum import StrEnum
from urllib.parse import urlsplit

import msgspec

from livecue.receiver.request import CallbackRequest
from livecue.receiver.signature import Check, Key, Verdict, checked, same_secret

_PLACE = re.compile(r"(header|param):([\x21-\x39\x3b-\x7e]{1,64})", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,16}", re.ASCII)
_HEX = re.compile(r"[0-9a-fA-F]{1,16}", re.ASCII)

PARTS = ("url", "uri", "path", "query", "query_sorted", "time", "body", "body_sha256", "body_md5")
"""What a part may be, beside `header:<name>`, `param:<name>` and `text:<as it stands>`."""


class Digest(StrEnum):
    """Of the HMAC."""

    SHA256 = "sha256"
    SHA512 = "sha512"
    SHA1 = "sha1"
    MD5 = "md5"


class Encoding(StrEnum):
    """How the signature is written. Hex in either case."""

    HEX = "hex"
    BASE64 = "base64"
    BASE64URL = "base64url"


class TimeUnit(StrEnum):
    """How the time is written."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    HEX_SECONDS = "hex_s"


class Recipe(msgspec.Struct, frozen=True):
    """`signature` and `time` are `header:<name>` or `param:<name>`."""

    parts: tuple[str, ...]
    signature: str
    time: str
    separator: str = ""
    digest: Digest = Digest.SHA256
    encoding: Encoding = Encoding.HEX
    time_unit: TimeUnit = TimeUnit.SECONDS


def recipe_problem(recipe: Recipe) -> str:
    """What makes the recipe useless or unsafe, with the remedy; empty if nothing does."""
    for name, place in (("signature", recipe.signature), ("time", recipe.time)):
        if _PLACE.fullmatch(place) is None:
            return f"{name} must say where it stands: write header:<name> or param:<name>"
    for part in recipe.parts:
        if part not in PARTS and not part.startswith("text:") and _PLACE.fullmatch(part) is None:
            return (
                f"{part} is no part; known here: {', '.join(PARTS)}, header:<name>, param:<name>, text:<text>"
            )
    covering = {"time", recipe.time}
    if recipe.time.startswith("param:"):
        covering |= {"query", "query_sorted"}
    if not covering & set(recipe.parts):
        return (
            "the time is not signed, so anybody could make an old signature fresh: put `time` among the parts"
        )
    if recipe.signature in recipe.parts:
        return "a signature cannot be over itself: take it out of the parts"
    return ""


def verify_recipe(
    recipe: Recipe, request: CallbackRequest, keys: Sequence[Key], *, window_s: float
) -> tuple[Check, str, str]:
    """Whether the request is signed by the recipe and fresh; with the signature and its time as sent."""
    signatures, times = _at(request, recipe.signature), _at(request, recipe.time)
    if len(signatures) > 1 or len(times) > 1:
        return Check(Verdict.DUPLICATED), "", ""
    if not signatures or not times or not signatures[0] or not times[0]:
        return Check(Verdict.MISSING), "", ""
    [given], [time] = signatures, times
    moment_s = _moment_s(time, recipe.time_unit)
    if moment_s is None:
        return Check(Verdict.MALFORMED), "", ""
    message = signed_message(recipe, request, time)
    shown = given.lower() if recipe.encoding is Encoding.HEX else given
    found = checked(
        keys,
        lambda key: same_secret(shown, [sign_by(recipe, key.secret, message)]),
        request.now_s - moment_s,
        now_s=request.now_s,
        window_s=window_s,
    )
    return found, given, time


def signed_message(recipe: Recipe, request: CallbackRequest, time: str) -> bytes:
    """What the HMAC is over."""
    return recipe.separator.encode().join(_part(part, recipe, request, time) for part in recipe.parts)


def sign_by(recipe: Recipe, key: str, message: bytes) -> str:
    """The signature of `message` in the recipe's encoding."""
    digest = hmac.new(key.encode(), message, str(recipe.digest)).digest()
    if recipe.encoding is Encoding.HEX:
        return digest.hex()
    encode = base64.b64encode if recipe.encoding is Encoding.BASE64 else base64.urlsafe_b64encode
    return encode(digest).decode()


def _part(part: str, recipe: Recipe, request: CallbackRequest, time: str) -> bytes:
    simple = {
        "url": request.url.split("?", 1)[0],
        "uri": request.url.split("?", 1)[0].split("://", 1)[-1],
        "path": urlsplit(request.url).path,
        "time": time,
    }
    if part in simple:
        return simple[part].encode()
    if part.startswith("text:"):
        return part.removeprefix("text:").encode()
    if part in {"query", "query_sorted"}:
        pairs = _pairs_but(request.query, recipe.signature)
        return "&".join(sorted(pairs) if part == "query_sorted" else pairs).encode("utf-8", "surrogateescape")
    if part == "body":
        return request.body
    if part.startswith("body_"):
        return (
            hashlib.new(part.removeprefix("body_"), request.body, usedforsecurity=False).hexdigest().encode()
        )
    return ",".join(_at(request, part)).encode("utf-8", "surrogateescape")


def _pairs_but(query: str, signature: str) -> list[str]:
    kind, _, name = signature.partition(":")
    return [
        pair for pair in query.split("&") if pair and not (kind == "param" and pair.split("=", 1)[0] == name)
    ]


def _at(request: CallbackRequest, place: str) -> list[str]:
    kind, _, name = place.partition(":")
    return request.header(name.lower()) if kind == "header" else request.param(name)


def _moment_s(time: str, unit: TimeUnit) -> float | None:
    if unit is TimeUnit.HEX_SECONDS:
        return int(time, 16) if _HEX.fullmatch(time) else None
    if _DIGITS.fullmatch(time) is None:
        return None
    return int(time) / 1000 if unit is TimeUnit.MILLISECONDS else int(time)
