"""Keeps secrets out of everything that is written down."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

_MASK = "***"
_BEFORE = r"""["'\\]*\s*[:=]\s*"""
_VALUE = r"""[^"'\\\s,&}\[\]]+"""
_FIELDS = re.compile(
    rf"""((?:stream_keys?|auth_key|x-auth-token|x-subject-token|hwSecret|x-hw-mss-secret)"""
    rf"""{_BEFORE}["'\\]*)({_VALUE})""",
    re.IGNORECASE,
)
_LISTS = re.compile(rf"(stream_keys?{_BEFORE}\[)([^\]]*)", re.IGNORECASE)
_URL_TOKEN = re.compile(r"([?&]token=)([A-Za-z0-9_%-]+)")
_AUTHORIZATION = re.compile(rf"""(authorization{_BEFORE}["'\\]*)([^"'\\\r\n]+)""", re.IGNORECASE)


def _written(secret: str) -> Iterator[str]:
    """`secret` as it stands in text, in an error's repr, in JSON, in JSON within JSON, and in a URL."""
    yield quote(secret, safe="")
    for plain in (secret, repr(secret)[1:-1]):
        yield plain
        for ascii_only in (True, False):
            once = json.dumps(plain, ensure_ascii=ascii_only)[1:-1]
            yield once
            yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]


class Redactor:
    """Masks the configured secrets wherever they stand, and the values of fields that hold one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._whole: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Mask these too from now on."""
        self._whole |= {secret for secret in secrets if len(secret) >= 4}
        known = sorted({form for secret in self._whole for form in _written(secret)}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, value: str) -> str:
        masked = self._known.sub(_MASK, value) if self._known else value
        for pattern in (_LISTS, _AUTHORIZATION, _URL_TOKEN, _FIELDS):
            masked = pattern.sub(rf"\g<1>{_MASK}", masked)
        return masked

    def bytes(self, value: bytes) -> bytes:
        """The same on bytes that may not be text: those are masked byte by byte."""
        decoded = value.decode("utf-8", "surrogateescape")
        return self.text(decoded).encode("utf-8", "surrogateescape")
