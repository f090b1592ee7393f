"""Keeps secrets out of everything that is written down."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MASK = "***"
_FIELDS = re.compile(
    r"""((?:stream_keys?|auth_key|authorization|x-auth-token|x-subject-token|hwSecret|x-hw-mss-secret)"""
    r"""["'\\]*\s*[:=]\s*(?:\[\s*)?["'\\]*)([^"'\\\s,&}\]]+)""",
    re.IGNORECASE,
)


class Redactor:
    """Masks the configured secrets wherever they stand, and the values of fields that hold one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, value: str) -> str:
        masked = self._known.sub(_MASK, value) if self._known else value
        return _FIELDS.sub(rf"\g<1>{_MASK}", masked)

    def bytes(self, value: bytes) -> bytes:
        """The same on bytes that may not be text: those are masked byte by byte."""
        decoded = value.decode("utf-8", "surrogateescape")
        return self.text(decoded).encode("utf-8", "surrogateescape")
